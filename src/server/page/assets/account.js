/* Signing in with a token. It stays in sessionStorage, and is gone with the tab. */
import {json, keepToken, token} from "./api.js";
import {announce, h, replace} from "./dom.js";

function signIn(done) {
  const input = h("input", {type: "password", name: "token", required: true, autocomplete: "off", spellcheck: "false", maxlength: "400"});
  const fault = h("p", {class: "notice", role: "alert", hidden: true});
  const send = h("button", {type: "submit", class: "main"}, "Sign in");
  const dialog = h("dialog", {"aria-labelledby": "sign-in-title"},
    h("form", {onsubmit: async (event) => {
      event.preventDefault();
      send.disabled = true;
      fault.hidden = true;
      const text = input.value.trim();
      try {
        const me = await json("v1/me", {bearer: text});
        keepToken(text);
        dialog.close();
        done(me);
      } catch (error) {
        fault.textContent = error.status === 401 ? "The server does not know this token, or it is expired or revoked." : error.message;
        fault.hidden = false;
        input.select();
      }
      send.disabled = false;
    }},
    h("h2", {id: "sign-in-title"}, "Sign in"),
    h("p", {class: "muted"}, "With a token of this server. It is kept for this tab only, and sent nowhere else."),
    h("label", {}, "Token", input), fault,
    h("div", {class: "row"}, h("button", {type: "button", onclick: () => dialog.close()}, "Cancel"), send)));
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  input.focus();
}

/* `changed` is called when somebody signed in or out. */
export async function showAccount(place, changed) {
  const out = () => replace(place, h("button", {type: "button", class: "main", onclick: () => signIn((me) => {
    inside(me);
    announce(`Signed in as ${me.name}`);
    changed();
  })}, "Sign in"));
  const inside = (me) => replace(place,
    h("span", {class: "name", title: `Scopes: ${(me.scopes ?? []).join(", ")}`}, me.name),
    h("button", {type: "button", onclick: () => {
      keepToken(null);
      out();
      announce("Signed out");
      changed();
    }}, "Sign out"));
  out();
  if (!token()) return;
  try {
    inside(await json("v1/me"));
  } catch (error) {
    if (error.status === 401) {
      keepToken(null);
      changed();
    }
  }
}
