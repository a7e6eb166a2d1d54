// The chat page: what stands around the questions and answers; the articles, and adding one.

import { ask, fresh, reopen } from "./ask.js";
import { openArticle } from "./article.js";
import { currentConversation, forgetConversation, listConversations } from "./conversations.js";
import { $, collection, inCollection, say, sure } from "./page.js";
import { call, get, post } from "./service.js";
import { saveConversation } from "./export.js";
import { element, isolated } from "./text.js";

$("#ask").addEventListener("submit", (event) => {
  event.preventDefault();
  const question = $("#question").value.trim();
  if (question) ask(question);
});

document.addEventListener("keydown", (event) => {
  const typing = /^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement?.tagName || "");
  if (event.key === "/" && !typing && !document.querySelector("dialog[open]")) {
    event.preventDefault();
    $("#question").focus();
    $("#question").select();
  }
});

// ---- the list of articles

let cursor = null;

async function loadArticles(fresh) {
  const list = $("#articles .list");
  if (fresh) {
    list.replaceChildren();
    cursor = null;
  }
  try {
    const page = await get(`/v1/articles?limit=100&${inCollection()}${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`);
    for (const article of page.articles) list.append(row(article));
    cursor = page.next_cursor;
    $("#more").hidden = !cursor;
    if (!list.children.length) list.append(element("li", {}, "No articles yet."));
    narrowList();
  } catch (error) {
    list.append(element("li", { class: "problem", role: "alert" }, error.message));
  }
}

function row(article) {
  const facts = [article.source, article.published, `${article.passages} passages`, article.vanished && "gone from its source"].filter(Boolean).join(" · ");
  const item = element("li", {},
    element("button", { type: "button", class: "open", onclick: () => openArticle({ article, article_start: 0, article_end: 0 }) },
      isolated(article.title || article.id), element("small", {}, isolated(facts))),
    element("button", { type: "button", "aria-label": `Remove ${article.title || article.id}`, onclick: (event) => removeArticle(article, item, event.currentTarget) }, "Remove"));
  return item;
}

async function removeArticle(article, item, button) {
  if (!sure(button, "Really remove?")) return;
  try {
    await call(`/v1/articles/${encodeURIComponent(article.id)}?${inCollection()}`, { method: "DELETE" });
    item.remove();
    say(`Removed ${article.title || article.id}.`);
    loadCounts();
  } catch (error) {
    item.append(element("span", { class: "problem", role: "alert" }, error.message));
  }
}

function narrowList() {
  const wanted = $("#find").value.trim().toLowerCase();
  for (const item of $("#articles .list").children) item.hidden = !item.textContent.toLowerCase().includes(wanted);
}

$("#open-articles").addEventListener("click", () => { $("#articles").showModal(); loadArticles(true); });
$("#more").addEventListener("click", () => loadArticles(false));
$("#find").addEventListener("input", narrowList);

// ---- the conversations before this one

let conversationCursor = null;

async function loadConversations(again) {
  const list = $("#conversations .list");
  const more = $("#conversations .more");
  if (again) {
    list.replaceChildren();
    conversationCursor = null;
  }
  try {
    const page = await listConversations(conversationCursor);
    list.append(...page.conversations.filter((one) => one.messages).map(conversationRow));
    conversationCursor = page.next_cursor;
    if (!list.children.length && !page.next_cursor) list.append(element("li", {}, "None yet: ask something."));
  } catch (error) {
    list.append(element("li", { class: "problem", role: "alert" }, error.message));
  }
  more.hidden = !conversationCursor;
}

function conversationRow(one) {
  const title = one.title || "Untitled";
  const facts = `${new Date(one.created).toLocaleString()} · ${one.messages} ${one.messages === 1 ? "question" : "questions"}`;
  const problem = (error) => item.append(element("span", { class: "problem", role: "alert" }, error.message));
  const open = async () => {
    try {
      await reopen(one.id);
      $("#conversations").close();
      $("#question").focus({ preventScroll: true });
    } catch (error) {
      problem(error);
    }
  };
  const forget = async (event) => {
    if (!sure(event.currentTarget, "Really forget?")) return;
    const shown = currentConversation() === one.id;
    try {
      await forgetConversation(one.id);
      item.remove();
      if (shown) fresh();
    } catch (error) {
      problem(error);
    }
  };
  const item = element("li", {},
    element("button", { type: "button", class: "open", onclick: open }, isolated(title), element("small", {}, facts)),
    element("button", { type: "button", "aria-label": `Forget ${title}`, onclick: forget }, "Forget"));
  return item;
}

$("#open-conversations").addEventListener("click", () => { $("#conversations").showModal(); loadConversations(true); });
$("#conversations .more").addEventListener("click", () => loadConversations(false));
$("#fresh").addEventListener("click", fresh);
for (const button of document.querySelectorAll("[data-save]")) button.addEventListener("click", () => saveConversation(button.dataset.save));

// ---- adding one

let isHtml = false;

$("#add-file").addEventListener("change", async (event) => {
  const file = event.target.files[0];
  if (!file) return;
  const problem = $("#add .problem");
  problem.textContent = "";
  if (file.size > 15_000_000) {
    problem.textContent = "This file is over 15 MB: split it, or use citespan add on the command line.";
    return;
  }
  const bytes = new Uint8Array(await file.arrayBuffer());
  let text;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    text = new TextDecoder("windows-1252").decode(bytes);
  }
  if (text.slice(0, 4000).includes("\u0000")) {
    problem.textContent = "This file is not text. Save it as text or HTML first.";
    return;
  }
  isHtml = /\.html?$/i.test(file.name);
  $("#add-text").value = text;
  if (!isHtml && !$("#add-name").value) $("#add-name").value = file.name.replace(/\.\w+$/, "");
});
$("#add-text").addEventListener("input", () => { if (!$("#add-text").value) isHtml = false; });

$("#add-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.target;
  const problem = form.querySelector(".problem");
  const body = { collection: collection(), [isHtml ? "html" : "text"]: $("#add-text").value };
  for (const [name, field] of [["title", "#add-name"], ["published", "#add-date"], ["author", "#add-author"], ["source", "#add-source"], ["url", "#add-url"]]) {
    if ($(field).value.trim()) body[name] = $(field).value.trim();
  }
  problem.textContent = "Adding …";
  form.querySelector(".primary").disabled = true;
  try {
    const added = await (await post("/v1/articles", body)).json();
    form.reset();
    isHtml = false;
    problem.textContent = "";
    $("#add").close();
    say(`Added “${added.title || added.id}”: ${added.passages} ${added.passages === 1 ? "passage" : "passages"}. Ask away.`);
    $("#question").focus();
    loadCounts();
  } catch (error) {
    problem.textContent = error.message;
  } finally {
    form.querySelector(".primary").disabled = false;
  }
});

// ---- adding files as they are: what each holds is found out by the service

$("#files").addEventListener("change", async (event) => {
  const files = [...event.target.files];
  if (!files.length) return;
  const list = $("#files-form .outcome");
  const show = (text, how) => list.append(element("li", how ? { class: how } : {}, isolated(text)));
  list.replaceChildren();
  show(files.length === 1 ? `Adding ${files[0].name} …` : `Adding ${files.length} files …`);
  const form = new FormData();
  form.append("collection", collection());
  for (const file of files) form.append("file", file, file.name);
  event.target.disabled = true;
  try {
    const reply = await (await call("/v1/articles", { method: "POST", body: form })).json();
    list.replaceChildren();
    for (const added of reply.articles || [reply]) {
      show(`Added “${added.title || added.id}”: ${added.passages} ${added.passages === 1 ? "passage" : "passages"}.`);
    }
    for (const failure of reply.failures || []) show(`${failure.source}: ${failure.reason}`, "problem");
    loadCounts();
  } catch (error) {
    list.replaceChildren();
    show(error.message, "problem");
    if (files.length > 1) for (const one of error.errors || []) show(one.msg, "problem");
  } finally {
    event.target.disabled = false;
    event.target.value = "";
  }
});

$("#open-add").addEventListener("click", () => { $("#add").showModal(); $("#add-text").focus(); });

for (const dialog of document.querySelectorAll("dialog")) {
  dialog.querySelector(".close").addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
}

// ---- what stands around

async function loadCounts() {
  try {
    const { collections } = await get("/v1/collections");
    const chosen = collection();
    $("#collection").replaceChildren(...collections.map((one) => element("option", { value: one.name, selected: one.name === chosen }, one.name)));
    $("#collection-label").hidden = collections.length < 2;
    const current = collections.find((one) => one.name === chosen);
    $("#count").textContent = current ? `(${current.articles})` : "";
  } catch { /* the counts are a nicety; asking says what is wrong */ }
}

async function loadExamples() {
  try {
    const { questions } = await get("/v1/examples");
    if (!questions.length) return;
    $("#examples ul").replaceChildren(...questions.map((question) => element("li", {},
      element("button", { type: "button", onclick: () => ask(question) }, isolated(question)))));
    $("#examples").hidden = false;
  } catch { /* no examples, no harm */ }
}

$("#collection").addEventListener("change", loadCounts);
loadCounts();
loadExamples();
const linked = new URLSearchParams(location.search).get("q")?.slice(0, 1000).trim();
const kept = history.state?.conversation;
if (kept || linked) {
  // What stood here before it was loaded anew; an address from elsewhere is a question of its own.
  try {
    if (!kept) throw new Error("none was kept");
    await reopen(kept);
  } catch {
    if (linked) ask(linked);
  }
}
$("#question").focus({ preventScroll: true });
