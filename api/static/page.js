// What every part of the chat page uses.

export const $ = (selector) => document.querySelector(selector);

export function say(text, how = "") {
  $("#status").textContent = text;
  $("#status").className = `status ${how}`;
}

export const collection = () => $("#collection").value || "default";
export const inCollection = () => `collection=${encodeURIComponent(collection())}`;

// The first press asks, the second within four seconds does it.
export function sure(button, question) {
  if (button.dataset.sure === "yes") return true;
  const before = button.textContent;
  button.dataset.sure = "yes";
  button.textContent = question;
  setTimeout(() => { button.dataset.sure = ""; button.textContent = before; }, 4000);
  return false;
}
