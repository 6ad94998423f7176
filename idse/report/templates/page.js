"use strict";
// What all parts of the page use: the data, the colours, and the choice of the anchor.
const byId = (id) => document.getElementById(id);
const plots = JSON.parse(byId("plots").textContent);
const pictures = JSON.parse(byId("pictures").textContent);
const dark = matchMedia("(prefers-color-scheme: dark)");
const narrow = matchMedia("(max-width: 40rem)");

// An element with attributes and children; text in it is never parsed as markup.
function make(tag, attributes = {}, ...children) {
  const svg = ["svg", "rect", "text", "g"].includes(tag);
  const element = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) if (value !== null) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

const colourOf = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const signed = (value, digits = 1) => (value > 0 ? "+" : value < 0 ? "−" : "") + Math.abs(value).toFixed(digits);
const measureOf = (key) => plots.measures.find((m) => m.key === key);
const codecOf = (name) => plots.codecs.find((c) => c.name === name);

// Plotly parses some HTML in texts, so names are escaped.
const escaped = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");

function swatch(codec) {
  const element = make("span", { class: "swatch", "data-dash": codec.dash, "aria-hidden": "true" });
  element.style.setProperty("--c", codec.colour);
  return element;
}

byId("anchor")?.addEventListener("change", (event) => {
  for (const block of document.querySelectorAll("[data-anchor]")) block.hidden = block.dataset.anchor !== event.target.value;
});

// A link to a note opens the closed part of the page that contains it.
addEventListener("hashchange", () => {
  const target = location.hash.length > 1 && byId(decodeURIComponent(location.hash.slice(1)));
  for (let part = target && target.closest("details"); part; part = part.parentElement.closest("details")) part.open = true;
});
