// Signing in, signing up and the demonstration account. The session cookie is HttpOnly and set by the server's answer;
// then a full page load opens a fresh socket that carries it.
import { useState } from "react";
import { postJson } from "./backend.js";
import { forgetPerson } from "./leaving.jsx";

const WORDS = {
  in: { button: "Sign in", path: "/api/auth/sign-in", other: "Create an account", ask: "New here?", password: "current-password" },
  up: { button: "Create account", path: "/api/auth/sign-up", other: "Sign in", ask: "Already have an account?", password: "new-password" },
};

export function AuthForm({ first, demonstration, minPassword }) {
  const [mode, setMode] = useState(first);
  const [error, setError] = useState("");
  const [note, setNote] = useState("");
  const [busy, setBusy] = useState("");
  const words = WORDS[mode];

  const enter = async (what, path, data) => {
    if (busy) return;
    setBusy(what);
    setError("");
    setNote("");
    const { ok, body } = await postJson(path, data);
    if (ok) {
      const next = window.loomNext.take();
      forgetPerson();
      window.location.assign(next);
      return;
    }
    setBusy("");
    if (body.code === "email_unconfirmed") {
      // All was right; what comes next is said, and a new account is one to sign in to.
      setMode("in");
      setNote(body.error);
      return;
    }
    setError(typeof body.error === "string" ? body.error : "That did not work. Please try again.");
  };
  const submit = (event) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    enter("form", words.path, { email: form.get("email"), password: form.get("password") });
  };
  return (
    <>
      {demonstration ? (
        <>
          <button
            type="button"
            className="button primary wide large"
            data-testid="demo-sign-in"
            disabled={Boolean(busy)}
            onClick={() => enter("demo", "/api/auth/demo")}
          >
            {busy === "demo" ? "Opening the demonstration" : "Try it with a demonstration account"}
          </button>
          <p className="or">or use your own account</p>
        </>
      ) : null}
      <form className="stack" onSubmit={submit} data-testid="sign-in-form" aria-label={words.button}>
        <label className="field">
          <span>E-mail</span>
          <input id="email" data-testid="email" name="email" type="email" autoComplete="email" required maxLength={254} />
        </label>
        <label className="field">
          <span>Password</span>
          <input
            id="password"
            data-testid="password"
            name="password"
            type="password"
            autoComplete={words.password}
            required
            minLength={mode === "up" ? minPassword : 1}
          />
          {mode === "up" ? <small>{`At least ${minPassword} characters.`}</small> : null}
        </label>
        {note ? (
          <p className="note" role="status" data-testid="sign-in-note">
            {note}
          </p>
        ) : null}
        <p className="form-error" role="alert" data-testid="sign-in-error">
          {error}
        </p>
        <button
          type="submit"
          className={demonstration ? "button wide" : "button primary wide"}
          data-testid="sign-in-submit"
          disabled={Boolean(busy)}
        >
          {busy === "form" ? "One moment" : words.button}
        </button>
      </form>
      <p className="switch">
        {words.ask}{" "}
        <button
          type="button"
          className="link"
          data-testid="switch-mode"
          onClick={() => {
            setMode(mode === "in" ? "up" : "in");
            setError("");
          }}
        >
          {words.other}
        </button>
      </p>
    </>
  );
}
