/* Requests to the server that this page came from, and to no other. The token is in sessionStorage
 * and goes nowhere but into the Authorization header. */

const KEY = "vedatile.token";
const AT_ONCE = 6;
const TURNS = 4;

export class Failure extends Error {
  constructor(status, code, description) {
    super(description);
    this.status = status;
    this.code = code;
  }
}

export function token() {
  return sessionStorage.getItem(KEY);
}

export function keepToken(text) {
  if (text) sessionStorage.setItem(KEY, text);
  else sessionStorage.removeItem(KEY);
}

/* url(["v1", "entries", id], {limit: 2}); every part is escaped. */
export function url(parts, query = {}) {
  const words = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== null && value !== undefined && value !== "") words.set(name, value);
  }
  const text = words.toString();
  return parts.map(encodeURIComponent).join("/") + (text ? `?${text}` : "");
}

async function failure(response) {
  try {
    const body = await response.json();
    return new Failure(response.status, String(body.code), String(body.description));
  } catch {
    return new Failure(response.status, "", `The server answered ${response.status}.`);
  }
}

function pause(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(new DOMException("left", "AbortError"));
    });
  });
}

async function once(target, options) {
  try {
    return await fetch(target, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Failure(0, "", "The server cannot be reached.");
  }
}

/* What is only read is asked for again when the server is busy. */
export async function call(path, {signal, method = "GET", body, headers = {}, bearer = token()} = {}) {
  const target = new URL(path, document.baseURI);
  const sent = {...headers};
  if (bearer) sent.Authorization = `Bearer ${bearer}`;
  if (body !== undefined) sent["Content-Type"] = "application/json";
  for (let turn = 1; ; turn++) {
    const response = await once(target, {method, signal, headers: sent, credentials: "omit", redirect: "error",
      body: body === undefined ? undefined : JSON.stringify(body)});
    if (response.ok) return response;
    if (method !== "GET" || turn === TURNS || ![429, 503].includes(response.status)) throw await failure(response);
    const seconds = Number(response.headers.get("Retry-After")) || 1;
    await pause(Math.min(seconds, 5) * 1000 * (0.5 + Math.random()), signal);
  }
}

export async function json(path, options) {
  const response = await call(path, {...options, headers: {Accept: "application/json", ...options?.headers}});
  return response.status === 204 ? null : response.json();
}

/* Pictures are many, so only a few are asked for at once, in order. */
const waiting = [];
let running = 0;

function next() {
  while (running < AT_ONCE && waiting.length > 0) {
    const job = waiting.shift();
    if (job.signal?.aborted) {
      job.reject(new DOMException("left", "AbortError"));
      continue;
    }
    running++;
    job.work().then(job.resolve, job.reject).finally(() => {
      running--;
      next();
    });
  }
}

export function inTurn(signal, work) {
  return new Promise((resolve, reject) => {
    waiting.push({signal, work, resolve, reject});
    next();
  });
}

export function blob(path, signal) {
  return inTurn(signal, async () => (await call(path, {signal})).blob());
}

export function jsonInTurn(path, signal) {
  return inTurn(signal, () => json(path, {signal}));
}

/* The `token` of a reply's next link, or null. Nothing else of the link is used. */
export function nextToken(reply) {
  const link = (reply.links ?? []).find((one) => one.rel === "next");
  if (!link) return null;
  try {
    return new URL(link.href, document.baseURI).searchParams.get("token");
  } catch {
    return null;
  }
}

function save(data, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(data);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

/* Saves a file that needs the token. */
export async function download(path, name) {
  save(await (await call(path)).blob(), name);
}

function dataUrl(data) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result);
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(data);
  });
}

/* A sample's picture in a page of the server's own making. Of its address only the path is used, so that no page
 * sends the token elsewhere. */
const PICTURE = /(src|href)="[^"]*?\/(v1\/entries\/[^"/]+\/samples\/[^"/]+\/(?:image|mask)\.png[^"]*)"/g;

/* Saves a page whose pictures need the token as well: they are put into it. What is not there stays empty. */
export async function downloadPage(path, name) {
  const page = await (await call(path)).text();
  const addresses = [...new Set([...page.matchAll(PICTURE)].map((found) => found[2]))];
  const pictures = await Promise.all(addresses.map((one) => blob(one.replaceAll("&amp;", "&")).then(dataUrl).catch(() => "data:,")));
  const whole = page.replace(PICTURE, (_, attribute, address) => `${attribute}="${pictures[addresses.indexOf(address)]}"`);
  save(new Blob([whole], {type: "text/html"}), name);
}
