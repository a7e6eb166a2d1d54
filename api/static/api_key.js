// The key that a service may want: asked for when it does, kept until the tab is closed, sent in a header alone.

import { element } from "./text.js";

const KEPT = "citespan-key";
let current = kept();
let asking = null;
let place = null; // puts the field for it where it can be reached

export function keyInUse() {
  return current;
}

export function keyHeaders(key) {
  return key ? { Authorization: `Bearer ${key}` } : {};
}

// Resolves once there is another key than the one that was refused; the field is shown once, whoever waits for it.
export async function otherKey(refused, signal) {
  if (current !== refused) return;
  if (asking) place();
  asking ??= ask(refused).finally(() => { asking = null; });
  await Promise.race([asking, aborted(signal)]);
}

function kept() {
  try { return sessionStorage.getItem(KEPT); } catch { return null; } // storage may be forbidden: the page forgets then
}

function keep(key) {
  current = key;
  try { sessionStorage.setItem(KEPT, key); } catch { /* as above */ }
}

function ask(refused) {
  return new Promise((resolve) => {
    const done = new AbortController();
    const field = element("input", { id: "key", type: "password", required: true, autocomplete: "off", spellcheck: "false",
      pattern: "\\s*[!-~]+\\s*", title: "letters, digits and signs, without spaces" });
    const form = element("form", { class: "key", autocomplete: "off" },
      element("label", { for: "key" }, "Key"), field, element("button", { type: "submit" }, "Use it"),
      element("p", { role: "status" }, refused ? "That key is not accepted here." : "This service wants a key."));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      keep(field.value.trim());
      done.abort();
      form.remove();
      resolve();
    });
    // In the dialog that is open, since what is behind it cannot be reached, and out of it again when it is closed.
    place = () => {
      const dialog = document.querySelector("dialog[open]");
      if (dialog) dialog.append(form);
      else document.querySelector("main").prepend(form);
      field.focus();
    };
    for (const dialog of document.querySelectorAll("dialog")) dialog.addEventListener("close", place, { signal: done.signal });
    place();
  });
}

function aborted(signal) {
  return new Promise((_, reject) => {
    const stop = () => reject(new DOMException("no longer wanted", "AbortError"));
    if (signal?.aborted) stop();
    signal?.addEventListener("abort", stop, { once: true });
  });
}
