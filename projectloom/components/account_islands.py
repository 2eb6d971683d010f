"""The React components about who somebody is: signing in and out, and where the links in mails lead."""

import reflex as rx


class AuthForm(rx.Component):
    """Sign in, sign up, and in the sandbox the demonstration account. ``first`` is the form to begin with: in or up."""

    library = "$/public/islands/auth.jsx"
    tag = "AuthForm"

    first: rx.Var[str]
    demonstration: rx.Var[bool]
    min_password: rx.Var[int]


class ForgotPassword(rx.Component):
    """Asks for a link to choose another password; children stand under the answer."""

    library = "$/public/islands/account.jsx"
    tag = "ForgotPassword"


class ResetPassword(rx.Component):
    """Takes another password for the link in the address, and says what became of the account."""

    library = "$/public/islands/account.jsx"
    tag = "ResetPassword"

    min_password: rx.Var[int]


class ConfirmEmail(rx.Component):
    """Confirms the address whose link is in the page's own."""

    library = "$/public/islands/account.jsx"
    tag = "ConfirmEmail"


class SignOut(rx.Component):
    """The button that ends the session."""

    library = "$/public/islands/leaving.jsx"
    tag = "SignOut"
