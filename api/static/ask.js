// Questions and answers on the page, one after the other as in a conversation.

import { showReply, showWithdrawn, understood } from "./answers.js";
import { inLibrary } from "./article.js";
import { askInConversation, currentConversation, leaveConversation, openConversation } from "./conversations.js";
import { $, collection, say } from "./page.js";
import { Problem } from "./service.js";
import { element, isolated } from "./text.js";

let asking = null;
// Which request a turn waits for: a correction takes a turn over from the one before.
const owners = new WeakMap();

function filters() {
  const chosen = {};
  if ($("#from").value) chosen.published_from = $("#from").value;
  if ($("#to").value) chosen.published_to = $("#to").value;
  if ($("#source").value.trim()) chosen.sources = [$("#source").value.trim()];
  return chosen;
}

// correction: {turn, standalone_question, replaces}: the turn is asked again, understood as its reader says.
export async function ask(question, correction = null) {
  asking?.abort();
  asking = new AbortController();
  const own = asking;
  const turn = correction?.turn ?? element("article", { class: "turn" });
  owners.set(turn, own);
  const before = [...turn.childNodes];
  turn.replaceChildren(element("h2", {}, isolated(question)));
  turn.setAttribute("aria-busy", "true");
  if (!correction) add(turn);
  say("Looking through the articles …");
  const from = collection();
  const library = inLibrary(from); // another may be chosen by then
  const body = { question, collection: from, filters: filters() };
  if (correction) body.standalone_question = correction.standalone_question;
  if (correction?.replaces) body.replaces = correction.replaces;
  const correct = (reply) => (words) => ask(question, { turn, standalone_question: words, replaces: reply.message_id });
  try {
    let reply = null;
    for await (const [event, data] of askInConversation(body, own.signal)) {
      if (event === "retrieved") say(`Reading the ${data.passages.length} closest passages …`);
      else if (event === "answer") showReply(turn, data, library);
      else if (event === "done") reply = data;
      else if (event === "error") throw new Problem(data, null);
    }
    if (!reply) throw new Problem({ detail: "The connection ended before the answer was there." }, 1);
    showReply(turn, reply, library, understood(reply, correct(reply)));
    // Seen on the card itself: said once more for those who listen.
    say(heard(reply), "heard");
    const shared = reply.standalone_question || question;
    history.replaceState({ conversation: currentConversation() }, "", `?q=${encodeURIComponent(shared)}`);
  } catch (error) {
    if (error.name === "AbortError") {
      if (owners.get(turn) !== own) return;
      if (before.length) turn.replaceChildren(...before);
      else remove(turn);
      return;
    }
    say("");
    refuse(turn, error, () => {
      if (!correction) remove(turn);
      ask(question, correction);
    });
  } finally {
    if (owners.get(turn) === own) turn.removeAttribute("aria-busy");
    if (asking === own) asking = null;
  }
}

function heard(reply) {
  const asked = reply.standalone_question;
  const meant = asked && asked !== reply.question ? `Understood as: ${asked} ` : "";
  if (!reply.answered) return `${meant}No answer found.`;
  return `${meant}Answer: ${reply.answer}. ${Math.round(reply.confidence * 100)} percent sure.`;
}

function refuse(turn, error, retry) {
  const again = element("button", { type: "button", onclick: retry }, "Try again");
  turn.append(element("p", { class: "problem", role: "alert" }, error.message), again);
  if (error.retryAfter) {
    again.disabled = true;
    setTimeout(() => { again.disabled = false; }, error.retryAfter * 1000);
  }
}

// A conversation that was held before, as it was answered then.
export async function reopen(id) {
  asking?.abort();
  const messages = await openConversation(id);
  $("#answers").replaceChildren();
  for (const message of messages) {
    const turn = element("article", { class: "turn" });
    add(turn);
    if (message.reply) {
      const reply = { ...message.reply, standalone_question: message.standalone_question };
      const correct = (words) => ask(message.question, { turn, standalone_question: words, replaces: message.id });
      showReply(turn, reply, inLibrary(message.collection), understood(reply, correct));
    } else {
      showWithdrawn(turn, message);
    }
  }
  stand();
  const last = messages.at(-1);
  const shared = last ? `?q=${encodeURIComponent(last.standalone_question || last.question)}` : location.pathname;
  history.replaceState({ conversation: id }, "", shared);
  $("#answers").lastChild?.scrollIntoView({ block: "start" });
}

// A new conversation: what was said before no longer counts.
export function fresh() {
  asking?.abort();
  leaveConversation();
  $("#answers").replaceChildren();
  say("");
  stand();
  history.replaceState(null, "", location.pathname);
  $("#question").value = "";
  $("#question").focus();
}

function add(turn) {
  $("#answers").append(turn);
  $("#question").value = "";
  stand();
  turn.scrollIntoView({ block: "start" });
}

function remove(turn) {
  turn.remove();
  stand();
}

// Whether a conversation is under way decides how the page is laid out.
function stand() {
  const begun = $("#answers").children.length > 0;
  document.body.classList.toggle("begun", begun);
  $("#fresh").hidden = !begun;
  $("#take").hidden = !begun;
  $("#question").placeholder = begun ? "Ask on: Where? And in 2019? Who else?" : "Who, what, when, where, how many …";
}
