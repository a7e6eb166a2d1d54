// The HTTP interface, as the page uses it.

import { keyHeaders, keyInUse, otherKey } from "./api_key.js";

export class Problem extends Error {
  constructor(facts, retryAfter) {
    super(facts.detail || facts.title || "Something went wrong.");
    this.status = facts.status;
    this.retryAfter = retryAfter;
    this.errors = facts.errors;
  }
}

// How often a request is sent again by itself while the service is too busy, which it says before doing anything.
const PATIENCE = 2;

function pause(seconds, signal) {
  return new Promise((resolve, reject) => {
    const stop = () => reject(signal.reason);
    signal?.addEventListener("abort", stop, { once: true });
    setTimeout(() => { signal?.removeEventListener("abort", stop); resolve(); }, seconds * 1000);
  });
}

export async function call(path, options = {}, refused = 0) {
  let response;
  const key = keyInUse();
  try {
    response = await fetch(path, { ...options, headers: { ...options.headers, ...keyHeaders(key) } });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem({ detail: "The service cannot be reached. Is it still running?" }, 3);
  }
  if (response.status === 401) {
    await otherKey(key, options.signal);
    return call(path, options, refused);
  }
  const retryAfter = Number(response.headers.get("Retry-After")) || null;
  if (response.status === 503 && retryAfter && refused < PATIENCE) {
    await pause(retryAfter, options.signal);
    return call(path, options, refused + 1);
  }
  if (!response.ok) {
    let facts = { detail: `The service answered ${response.status}.`, status: response.status };
    try { facts = await response.json(); } catch { /* not a problem document: the status says enough */ }
    throw new Problem(facts, retryAfter);
  }
  return response;
}

export async function get(path) {
  return (await call(path)).json();
}

export function post(path, body, signal, accept = "application/json") {
  const headers = { "Content-Type": "application/json", Accept: accept };
  return call(path, { method: "POST", headers, body: JSON.stringify(body), signal });
}

// Yields [event, data] of a server-sent stream.
export async function* stream(path, body, signal) {
  const response = await post(path, body, signal, "text/event-stream");
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    rest += value;
    const blocks = rest.split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) {
      const [, name, data] = /^event: ([^\n]*)\ndata: ([^\n]*)$/.exec(block) || [];
      if (name) yield [name, JSON.parse(data)];
    }
  }
}
