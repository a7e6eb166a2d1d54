// The chat page: asking, the articles, adding one.

import { showReply, citation } from "./answers.js";
import { call, get, post, stream, Problem } from "./service.js";
import { element, isolated, withRanges } from "./text.js";

const $ = (selector) => document.querySelector(selector);
const status = $("#status");
let asking = null;

function say(text, how = "") {
  status.textContent = text;
  status.className = `status ${how}`;
}

const collection = () => $("#collection").value || "default";
const inCollection = () => `collection=${encodeURIComponent(collection())}`;

// ---- asking

function filters() {
  const chosen = {};
  if ($("#from").value) chosen.published_from = $("#from").value;
  if ($("#to").value) chosen.published_to = $("#to").value;
  if ($("#source").value.trim()) chosen.sources = [$("#source").value.trim()];
  return chosen;
}

async function ask(question) {
  asking?.abort();
  asking = new AbortController();
  const own = asking;
  const turn = element("article", { class: "turn", "aria-busy": "true" }, element("h2", {}, isolated(question)));
  $("#answers").prepend(turn);
  say("Looking through the articles …");
  const body = { question, collection: collection(), filters: filters() };
  try {
    let reply = null;
    for await (const [event, data] of stream("/v1/ask/stream", body, own.signal)) {
      if (event === "retrieved") say(`Reading the ${data.passages.length} closest passages …`);
      else if (event === "answer") showReply(turn, data, openArticle);
      else if (event === "done") reply = data;
      else if (event === "error") throw new Problem(data, null);
    }
    if (!reply) throw new Problem({ detail: "The connection ended before the answer was there." }, 1);
    showReply(turn, reply, openArticle);
    // Seen on the card itself: said once more for those who listen.
    say(reply.answered ? `Answer: ${reply.answer}. ${Math.round(reply.confidence * 100)} percent sure.` : "No answer found.", "heard");
    history.replaceState(null, "", `?q=${encodeURIComponent(question)}`);
  } catch (error) {
    if (error.name === "AbortError") {
      turn.remove();
      return;
    }
    say("");
    turn.append(element("p", { class: "problem", role: "alert" }, error.message));
    const again = element("button", { type: "button", onclick: () => { turn.remove(); ask(question); } }, "Try again");
    turn.append(again);
    if (error.retryAfter) {
      again.disabled = true;
      setTimeout(() => { again.disabled = false; }, error.retryAfter * 1000);
    }
  } finally {
    turn.removeAttribute("aria-busy");
    if (asking === own) asking = null;
  }
}

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

// ---- one article, opened at a place

async function openArticle(place) {
  const dialog = $("#article");
  const text = dialog.querySelector(".text");
  $("#article-title").replaceChildren(isolated(place.article.title || place.article.id));
  dialog.querySelector(".facts").replaceChildren(citation(place.article));
  text.replaceChildren("Loading …");
  dialog.showModal();
  try {
    const article = await get(`/v1/articles/${encodeURIComponent(place.article.id)}?${inCollection()}`);
    const ranges = article.masked.map((range) => ({
      ...range, name: "span", class: "masked", title: `page furniture (${range.rule}): not answered from`,
    }));
    if (place.article_end > place.article_start) {
      ranges.push({ start: place.article_start, end: place.article_end, name: "mark" });
    }
    text.replaceChildren(withRanges(article.text, ranges));
    text.querySelector("mark")?.scrollIntoView({ block: "center" });
    text.focus({ preventScroll: true });
  } catch (error) {
    text.replaceChildren(element("p", { class: "problem", role: "alert" }, error.message));
  }
}

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
    element("button", { type: "button", "aria-label": `Remove ${article.title || article.id}`, onclick: () => removeArticle(article, item) }, "Remove"));
  return item;
}

async function removeArticle(article, item) {
  if (item.dataset.sure !== "yes") {
    item.dataset.sure = "yes";
    item.lastChild.textContent = "Really remove?";
    setTimeout(() => { item.dataset.sure = ""; item.lastChild.textContent = "Remove"; }, 4000);
    return;
  }
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
  for (const [name, field] of [["title", "#add-name"], ["published", "#add-date"], ["source", "#add-source"], ["url", "#add-url"]]) {
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
      element("button", { type: "button", onclick: () => { $("#question").value = question; ask(question); } }, isolated(question)))));
    $("#examples").hidden = false;
  } catch { /* no examples, no harm */ }
}

$("#collection").addEventListener("change", loadCounts);
loadCounts();
loadExamples();
const linked = new URLSearchParams(location.search).get("q");
if (linked) {
  $("#question").value = linked.slice(0, 1000);
  ask($("#question").value);
} else {
  $("#question").focus();
}
