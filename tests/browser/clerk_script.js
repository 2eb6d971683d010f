// A stand-in for Clerk's script, as far as @clerk/clerk-react asks for it: who is signed in, a token that is renewed, the
// cookie that carries it, and the plainest forms. Its server (tests/clerk_double.py) signs the tokens.
(() => {
  const home = new URL(document.currentScript.src).origin;
  const KEY = "stand-in-clerk";
  const listeners = new Set();
  const forms = new Map();

  const remembered = () => JSON.parse(localStorage.getItem(KEY) ?? "null");
  const fresh = async (clerkId) => {
    const asked = `${home}/token?sub=${encodeURIComponent(clerkId)}&azp=${encodeURIComponent(location.origin)}`;
    const answer = await fetch(asked);
    return answer.ok ? answer.text() : null;
  };
  const keepCookie = (token) => {
    document.cookie = `__session=${token ?? ""}; path=/; SameSite=Lax; max-age=${token ? 86400 : 0}`;
  };
  const claims = (token) => JSON.parse(atob(token.split(".")[1].replace(/-/g, "+").replace(/_/g, "/")));

  class Session {
    constructor({ id, clerkId }) {
      Object.assign(this, { id, status: "active", clerkId, lastActiveToken: null, actor: null, factorVerificationAge: null });
      this.user = { id: clerkId, organizationMemberships: [] };
    }
    async getToken({ skipCache } = {}) {
      if (!skipCache && this.token && claims(this.token).exp > Date.now() / 1000 + 10) return this.token;
      this.token = await fresh(this.clerkId);
      if (this.token) {
        keepCookie(this.token);
        this.lastActiveToken = { jwt: { claims: claims(this.token) }, getRawString: () => this.token };
      }
      return this.token;
    }
  }

  const clerk = {
    version: "5.0.0-stand-in",
    loaded: false,
    session: null,
    user: null,
    organization: null,
    client: { sessions: [], signedInSessions: [] },
    async load() {
      const known = remembered();
      if (known) await this.enter(known);
      this.loaded = true;
      setInterval(() => this.session?.getToken(), 5000);
    },
    async enter(known) {
      this.session = new Session(known);
      this.user = this.session.user;
      this.client.sessions = this.client.signedInSessions = [this.session];
      await this.session.getToken();
    },
    tell() {
      const now = { client: this.client, session: this.session, user: this.user, organization: null };
      listeners.forEach((listener) => listener(now));
    },
    addListener(listener) {
      listeners.add(listener);
      listener({ client: this.client, session: this.session, user: this.user, organization: null });
      return () => listeners.delete(listener);
    },
    async signOut() {
      localStorage.removeItem(KEY);
      keepCookie(null);
      this.session = this.user = null;
      this.client.sessions = this.client.signedInSessions = [];
      this.tell();
    },
    mountSignIn: (node, props) => draw(node, "Continue", props),
    mountSignUp: (node, props) => draw(node, "Create account", props),
    mountUserButton(node) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "stand-in-user-button";
      button.setAttribute("aria-label", "Open user menu");
      button.textContent = "◍";
      node.replaceChildren(button);
    },
    unmountSignIn: (node) => forms.delete(node),
    unmountSignUp: (node) => forms.delete(node),
    unmountUserButton: () => {},
    __unstable__updateProps: async () => {},
  };

  function draw(node, words, props) {
    if (clerk.session) {
      location.assign(props?.fallbackRedirectUrl ?? "/");
      return;
    }
    node.innerHTML = `<form class="stack" aria-label="${words}"><label class="field"><span>E-mail</span>
      <input name="email" type="email" class="input" required></label>
      <button class="button primary wide" data-testid="clerk-submit">${words}</button></form>`;
    node.firstChild.addEventListener("submit", async (event) => {
      event.preventDefault();
      const email = new FormData(event.target).get("email");
      const answer = await fetch(`${home}/enter?email=${encodeURIComponent(email)}`);
      const known = await answer.json();
      localStorage.setItem(KEY, JSON.stringify(known));
      await clerk.enter(known);
      location.assign(props?.fallbackRedirectUrl ?? "/");
    });
  }

  window.Clerk = clerk;
})();
