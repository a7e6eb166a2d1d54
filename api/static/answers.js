// A reply of /v1/ask → what a person reads.

import { copyCited } from "./export.js";
import { element, isolated, markedSentence, safeLink, safeText, withRanges } from "./text.js";

const REASONS = {
  empty_collection: "There are no articles here yet. Add one, then ask again.",
  nothing_relevant: "Nothing in the articles is about this.",
  no_answer_in_passages: "The passages that came closest do not answer this.",
  below_threshold: "What was found is too unsure to be called an answer.",
};
const LEVELS = { high: "Sure", medium: "Fairly sure", low: "Unsure", none: "No answer" };

// library: {collection, open}: where the answer is from, and what opens an article of it at a place.
export function showReply(turn, reply, library, meant = null) {
  // A better answer takes the place of the one before: who reads it already keeps what they opened and where they are.
  const open = new Map([...turn.querySelectorAll("details")].map((one) => [one.dataset.key, one.open]));
  const place = turn.contains(document.activeElement) ? nameOf(document.activeElement) : null;
  const card = element("div", { class: "card" });
  turn.replaceChildren(element("h2", {}, isolated(reply.question)), ...(meant ? [meant] : []), card);
  if (reply.answered) showAnswer(card, reply, library);
  else showNothing(card, reply, library);
  for (const hint of reply.hints ?? []) card.append(element("p", { class: "beside" }, isolated(hint.message)));
  for (const one of turn.querySelectorAll("details")) one.open = open.get(one.dataset.key) ?? one.open;
  if (place === null) return;
  const same = [...turn.querySelectorAll("a, button, summary")].find((one) => nameOf(one) === place);
  turn.tabIndex = -1; // what had the focus may be gone: then the card has it
  (same ?? turn).focus({ preventScroll: true });
}

// What a control does and where: the same in the next drawing, whatever stands around it.
function nameOf(control) {
  const box = control.closest("details")?.dataset.key ?? "";
  if (control.matches("summary")) return box;
  const card = control.closest(".other, .turn");
  return `${box}\n${control.textContent}\n${card.querySelector("blockquote, .passage")?.textContent ?? ""}`;
}

// What a question was taken to mean, where that is not how it was asked; whoever asked can say it better.
export function understood(reply, correct) {
  const words = reply.standalone_question;
  if (!words || words === reply.question) return null;
  const line = element("div", { class: "understood" });
  const edit = element("button", { type: "button", class: "edit", title: "Say it better" }, isolated(words));
  const shown = element("p", {}, "Understood as: ", edit);
  edit.addEventListener("click", () => {
    const field = element("input", { type: "text", maxlength: 1000, required: true, "aria-label": "What the question means" });
    field.value = words;
    const back = () => { line.replaceChildren(shown); edit.focus(); };
    const submit = (event) => {
      event.preventDefault();
      if (field.value.trim() && field.value.trim() !== words) correct(field.value.trim());
      else back();
    };
    const form = element("form", { class: "row", onsubmit: submit, onkeydown: (event) => { if (event.key === "Escape") back(); } },
      field, element("button", { type: "submit", class: "primary" }, "Ask this"), element("button", { type: "button", onclick: back }, "Cancel"));
    line.replaceChildren(form);
    field.focus();
    field.select();
  });
  line.append(shown);
  return line;
}

// A message whose article has gone, or says something else by now.
export function showWithdrawn(turn, message) {
  const gone = "The article that this was answered from has been removed or has changed: the answer went with it. Ask again to see what the articles say now.";
  turn.replaceChildren(element("h2", {}, isolated(message.question)), element("div", { class: "card" }, element("p", {}, gone)));
}

function showAnswer(turn, reply, library) {
  const best = reply.answers[0];
  const first = best.evidence[0];
  turn.append(
    element("p", { class: "answer" }, isolated(best.text)),
    sureness(LEVELS[reply.confidence_level], best.confidence),
  );
  if (best.items.length) {
    turn.append(element("ul", { class: "items" }, ...best.items.map((item) => element("li", {}, isolated(item.text)))));
  }
  turn.append(element("blockquote", { dir: "auto" }, markedSentence(first)), citation(first.article, onPage(first)));
  turn.append(
    element(
      "div", { class: "tools" },
      element("button", { type: "button", onclick: () => library.open(first) }, "Open the article here"),
      element("button", { type: "button", onclick: (event) => copyCited(event.target, best, first, library.collection) }, "Copy with citation"),
    ),
    folded("passage", "In its passage", passageOf(first)),
  );
  if (best.evidence.length > 1) {
    const rest = best.evidence.slice(1).map((piece) => place(piece, library));
    const voices = best.support.independent === 1 ? "one independent article" : `${best.support.independent} independent articles`;
    turn.append(folded("same", `${rest.length} more ${rest.length === 1 ? "place says" : "places say"} the same (${voices})`, ...rest));
  }
  const others = reply.answers.slice(1).filter((answer) => answer.confidence >= 0.05);
  if (others.length) turn.append(folded("others", `Other answers (${others.length})`, ...others.map((other) => otherAnswer(other, library))));
}

function showNothing(turn, reply, library) {
  turn.append(element("p", { class: "none" }, "No answer found."), element("p", {}, REASONS[reply.reason] || ""));
  const guesses = reply.answers.filter((answer) => answer.confidence >= 0.05);
  if (guesses.length) turn.append(folded("guesses", "Guesses, more likely wrong than right", ...guesses.map((one) => otherAnswer(one, library))));
  if (reply.passages.length) {
    const closest = reply.passages.slice(0, 3).map((candidate) => element(
      "div", { class: "other" },
      element("p", { class: "passage", dir: "auto" }, safeText(candidate.passage.text)),
      citation(candidate.article),
      element("button", { type: "button", onclick: () => library.open({
        article: candidate.article, article_start: candidate.passage.article_start, article_end: candidate.passage.article_end,
      }) }, "Open the article here"),
    ));
    const box = folded("closest", "The closest passages", ...closest);
    box.open = true;
    turn.append(box);
  }
}

function sureness(words, confidence) {
  const percent = Math.round(confidence * 100);
  return element("p", { class: "sure" },
    element("meter", { min: 0, max: 1, value: confidence, "aria-hidden": "true" }),
    element("span", {}, `${words}: right in about ${percent} of 100 such cases`));
}

function otherAnswer(answer, library) {
  const piece = answer.evidence[0];
  return element("div", { class: "other" },
    element("div", { class: "text" }, isolated(answer.text)),
    element("blockquote", { dir: "auto" }, markedSentence(piece)),
    citation(piece.article, onPage(piece), `${Math.round(answer.confidence * 100)} %`),
    element("button", { type: "button", onclick: () => library.open(piece) }, "Open the article here"));
}

function place(piece, library) {
  return element("div", { class: "other" },
    element("blockquote", { dir: "auto" }, markedSentence(piece)),
    citation(piece.article, onPage(piece)),
    element("button", { type: "button", onclick: () => library.open(piece) }, "Open the article here"));
}

// Where the article has pages, such as a PDF's.
export function onPage(piece) {
  return piece.page ? `page ${piece.page}` : "";
}

function passageOf(piece) {
  const text = withRanges(piece.passage.text, [{ start: piece.start, end: piece.end, name: "mark" }]);
  return element("p", { class: "passage", dir: "auto" }, text);
}

function folded(key, title, ...children) {
  return element("details", { "data-key": key }, element("summary", {}, title), ...children);
}

export function citation(article, ...more) {
  const line = element("p", { class: "cite" });
  const link = safeLink(article.url);
  const title = isolated(article.title || article.id);
  line.append(link ? element("a", { href: link, target: "_blank", rel: "noopener noreferrer" }, title) : title);
  for (const part of [article.author, article.source, article.published, ...more]) {
    if (part) line.append(" · ", isolated(part));
  }
  return line;
}
