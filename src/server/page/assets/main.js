/* The frame: what the address shows, who is signed in, and what went wrong. */
import {showAccount} from "./account.js";
import {showBrowse} from "./browse.js";
import {announce, h, replace} from "./dom.js";
import {showEntry} from "./entry.js";

const main = document.getElementById("main");
let leaving = new AbortController();

/* "#/entries/ID/samples?group=train" -> {parts: ["entries", ID, "samples"], query} */
function where() {
  const [path, query] = location.hash.replace(/^#\/?/, "").split(/\?(.*)/s);
  const parts = path.split("/").filter((part) => part !== "").map((part) => {
    try {
      return decodeURIComponent(part);
    } catch {
      return part;
    }
  });
  return {parts, query: Object.fromEntries(new URLSearchParams(query ?? ""))};
}

function wrong(error) {
  const advice = {
    0: "Is the server still there? Try again in a moment.",
    401: "The token is unknown, expired or revoked. Sign in again.",
    404: "It may have been removed, or it is private: then sign in with a token that may see it.",
    429: "Too many requests: wait a little.",
    503: "The server is busy: try again in a moment.",
  }[error.status];
  return h("div", {class: "panel empty"},
    h("h1", {tabindex: "-1"}, error.status === 404 ? "Nothing is here" : "That did not work"),
    h("p", {}, error.message), advice && h("p", {class: "muted"}, advice),
    h("p", {}, h("a", {class: "button", href: "#/"}, "All entries")));
}

let first = true;

async function show() {
  leaving.abort();
  leaving = new AbortController();
  const {signal} = leaving;
  const {parts, query} = where();
  document.title = "vedatile catalog";
  document.getElementById("quick-text").value = parts.length === 0 ? query.q ?? "" : "";
  replace(main, h("p", {class: "wait"}, "Loading …"));
  scrollTo(0, 0);
  try {
    if (parts.length === 0) await showBrowse(main, query, signal);
    else if (parts[0] === "entries" && parts.length >= 2 && parts.length <= 4) await showEntry(main, parts, query, signal);
    else throw Object.assign(new Error("This page has no such place."), {status: 404});
  } catch (error) {
    if (signal.aborted || error.name === "AbortError") return;
    replace(main, wrong(error));
  }
  if (signal.aborted) return;
  const title = main.querySelector("h1");
  if (title) {
    document.title = `${title.textContent} · vedatile`;
    /* Where the tab was opened the reader begins at the top, as on any page. */
    if (!first) {
      title.focus({preventScroll: true});
      announce(title.textContent);
    }
    first = false;
  }
}

document.getElementById("quick").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = document.getElementById("quick-text").value.trim();
  const {parts, query} = where();
  const words = new URLSearchParams(parts.length === 0 ? query : {});
  words.delete("q");
  if (text) words.set("q", text);
  const hash = `#/${words.size > 0 ? `?${words}` : ""}`;
  if (hash === location.hash) show();
  else location.hash = hash;
});
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});
addEventListener("hashchange", show);
showAccount(document.getElementById("account"), show);
show();
