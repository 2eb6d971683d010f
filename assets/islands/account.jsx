// What is done by links in mails: asking for one, and opening it. A link's secret stands behind the # of the address, so
// no server is told it by opening the page, and only a press uses it up: programs that open links in mails do nothing.
import { useEffect, useState } from "react";
import { postJson } from "./backend.js";
import { leave } from "./leaving.jsx";

const FAILED = "That did not work. Please try again.";

/** Posts what a form says; the words of what went wrong, and what came back once it went right. */
function useAsking(path) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState("");
  const [code, setCode] = useState("");
  const [done, setDone] = useState(null);
  const ask = async (data) => {
    if (busy) return;
    setBusy(true);
    setError("");
    const { ok, body } = await postJson(path, data);
    setBusy(false);
    if (ok) setDone(body);
    else {
      setCode(body.code);
      setError(typeof body.error === "string" ? body.error : FAILED);
    }
  };
  return { busy, error, code, done, ask };
}

function useSecret() {
  const [secret, setSecret] = useState(null);
  useEffect(() => setSecret(window.location.hash.slice(1)), []);
  return secret;
}

function Trouble({ words }) {
  return (
    <p className="form-error" role="alert" data-testid="account-trouble">
      {words}
    </p>
  );
}

function Said({ children }) {
  return (
    <p role="status" data-testid="account-done">
      {children}
    </p>
  );
}

export function ForgotPassword({ children }) {
  const { busy, error, done, ask } = useAsking("/api/auth/forgot-password");
  if (done) {
    return (
      <>
        <Said>If there is an account with that e-mail, a link is on its way. It opens once, within an hour.</Said>
        {children}
      </>
    );
  }
  const submit = (event) => {
    event.preventDefault();
    ask({ email: new FormData(event.currentTarget).get("email") });
  };
  return (
    <form className="stack" onSubmit={submit} aria-label="Send a link">
      <label className="field">
        <span>E-mail</span>
        <input name="email" type="email" autoComplete="email" required maxLength={254} data-testid="forgot-email" />
      </label>
      <Trouble words={error} />
      <button type="submit" className="button primary wide" disabled={busy} data-testid="forgot-submit">
        {busy ? "One moment" : "Send the link"}
      </button>
    </form>
  );
}

/** The next step. A whole page is loaded, since another session may have begun or ended by what was done. */
function Onward({ to, test, children }) {
  return (
    <a className="button primary wide" href={to} data-testid={test}>
      {children}
    </a>
  );
}

const ToChat = () => (
  <Onward to="/" test="to-chat">
    Go on
  </Onward>
);
const ToSignIn = () => (
  <Onward to="/sign-in" test="to-sign-in">
    Sign in
  </Onward>
);

/** What ended with the old password: only what this account had. */
function whatEnded({ accessKeysRevoked, providerKeysDeleted }) {
  const said = [];
  if (accessKeysRevoked) said.push(accessKeysRevoked === 1 ? "Its access key is revoked." : "Its access keys are revoked.");
  if (providerKeysDeleted) said.push("The provider keys kept in it are deleted, as this address was never confirmed before.");
  return said.join(" ");
}

export function ResetPassword({ minPassword }) {
  const secret = useSecret();
  const { busy, error, done, ask } = useAsking("/api/auth/reset-password");
  if (done) {
    return (
      <>
        <Said>
          The password of <strong>{done.email}</strong> is changed, and it is signed out everywhere. {whatEnded(done)}
        </Said>
        {done.signedInAs ? (
          <>
            <p className="quiet">You are still signed in as {done.signedInAs} here.</p>
            <button type="button" className="button primary wide" onClick={leave} data-testid="change-account">
              Sign in with the other account
            </button>
          </>
        ) : (
          <ToSignIn />
        )}
      </>
    );
  }
  const submit = (event) => {
    event.preventDefault();
    ask({ token: secret, password: new FormData(event.currentTarget).get("password") });
  };
  return (
    <form className="stack" onSubmit={submit} aria-label="Choose another password">
      <label className="field">
        <span>New password</span>
        <input
          name="password"
          type="password"
          autoComplete="new-password"
          required
          minLength={minPassword}
          data-testid="reset-password"
        />
        <small>{`At least ${minPassword} characters.`}</small>
      </label>
      <Trouble words={error || (secret === "" ? "This is not the whole link. Open it from the mail again." : "")} />
      <button type="submit" className="button primary wide" disabled={busy || !secret} data-testid="reset-submit">
        {busy ? "One moment" : "Change the password"}
      </button>
    </form>
  );
}

export function ConfirmEmail() {
  const secret = useSecret();
  const { busy, error, code, done, ask } = useAsking("/api/auth/confirm-email");
  // Who reads the mails need not be who made the account: then the server asks for the account's password.
  const [asked, setAsked] = useState(false);
  useEffect(() => {
    if (code === "account_unproven") setAsked(true);
  }, [code]);
  if (done) {
    return (
      <>
        <Said>
          <strong>{done.email}</strong> is confirmed.
        </Said>
        {done.signedInAs && done.signedInAs !== done.email ? (
          <p className="quiet">You are still signed in as {done.signedInAs} here.</p>
        ) : null}
        {done.signedInAs ? <ToChat /> : <ToSignIn />}
      </>
    );
  }
  const submit = (event) => {
    event.preventDefault();
    const password = new FormData(event.currentTarget).get("password");
    ask(password ? { token: secret, password } : { token: secret });
  };
  return (
    <form className="stack" onSubmit={submit} aria-label="Confirm your e-mail">
      {asked && (
        <label className="field">
          <span>Password of the account</span>
          <input
            name="password"
            type="password"
            autoComplete="current-password"
            required
            data-testid="confirm-password"
          />
          <small>If you did not make this account, choose “Forgot your password?” below. It ends every way into it.</small>
        </label>
      )}
      <Trouble words={error || (secret === "" ? "This is not the whole link. Open it from the mail again." : "")} />
      <button
        type="submit"
        className="button primary wide"
        disabled={busy || !secret}
        data-testid="confirm-submit"
      >
        {busy ? "One moment" : "Confirm my e-mail"}
      </button>
    </form>
  );
}
