// /openapi.json, readable: no outside host, no generator.

import { element } from "./text.js";

function resolve(schema, all) {
  return schema?.$ref ? all[schema.$ref.split("/").pop()] : schema;
}

function kind(schema) {
  if (!schema) return "";
  if (schema.$ref) return schema.$ref.split("/").pop();
  if (schema.anyOf) return schema.anyOf.map(kind).join(" or ");
  if (schema.enum || schema.const) return (schema.enum || [schema.const]).map((one) => JSON.stringify(one)).join(", ");
  if (schema.type === "array") return `list of ${kind(schema.items)}`;
  return schema.type || "any";
}

function table(schema, all) {
  const facts = resolve(schema, all);
  if (!facts?.properties) return element("p", {}, kind(schema));
  const rows = Object.entries(facts.properties).map(([name, field]) => element("div", { class: "other" },
    element("strong", {}, name), ` ${kind(field)}${(facts.required || []).includes(name) ? ", required" : ""}`,
    field.default !== undefined && field.default !== null ? `, default ${JSON.stringify(field.default)}` : "",
    field.description ? element("div", { class: "cite" }, field.description) : null));
  return element("div", {}, ...rows);
}

const api = await (await fetch("/openapi.json")).json();
const all = api.components.schemas;
const parts = [];
for (const [path, operations] of Object.entries(api.paths)) {
  for (const [method, operation] of Object.entries(operations)) {
    const body = operation.requestBody?.content["application/json"]?.schema;
    const good = Object.entries(operation.responses).find(([code]) => code.startsWith("2"));
    const reply = good?.[1].content?.["application/json"]?.schema;
    parts.push(element("section", { class: "card operation" },
      element("h2", {}, `${method.toUpperCase()} ${path}`),
      element("p", {}, operation.description || operation.summary || ""),
      operation.parameters?.length ? element("details", {}, element("summary", {}, "Query and path"),
        ...operation.parameters.map((one) => element("div", { class: "other" }, element("strong", {}, one.name), ` ${kind(one.schema)} (${one.in})`))) : null,
      body ? element("details", {}, element("summary", {}, `Body: ${kind(body)}`), table(body, all)) : null,
      reply ? element("details", {}, element("summary", {}, `Reply ${good[0]}: ${kind(reply)}`), table(reply, all)) : null));
  }
}
parts.push(...Object.entries(all).map(([name, schema]) => element("details", { class: "card operation" }, element("summary", {}, name), table(schema, all))));
document.querySelector("#operations").replaceChildren(...parts);
