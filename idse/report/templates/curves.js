// The plots. Each is drawn again from the data; Plotly.react changes only what differs.
const hidden = new Set();
// Only what works without a network.
const config = { displaylogo: false, responsive: true, modeBarButtons: [["toImage"], ["zoom2d", "pan2d"], ["zoomIn2d", "zoomOut2d", "resetScale2d"]] };

function layout(x, y, more = {}) {
  const axis = { gridcolor: colourOf("--line"), linecolor: colourOf("--rule"), zeroline: false, ticks: "outside", tickcolor: colourOf("--rule"), automargin: true };
  return {
    font: { family: getComputedStyle(document.body).fontFamily, size: 13, color: colourOf("--ink") },
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", showlegend: false, hovermode: "closest",
    margin: { l: narrow.matches ? 56 : 72, r: 14, t: 14, b: 52 },
    hoverlabel: { bgcolor: colourOf("--raised"), bordercolor: colourOf("--rule"), font: { color: colourOf("--ink") }, align: "left" },
    modebar: { bgcolor: "rgba(0,0,0,0)", color: colourOf("--faint"), activecolor: colourOf("--accent") },
    xaxis: { ...axis, ...x }, yaxis: { ...axis, ...y }, ...more,
  };
}

const axisTitle = (text) => ({ text, standoff: 10, font: { size: 13 } });

// Ticks at 1, 2, 5 of every decade, each in full.
function rateAxis() {
  const title = axisTitle("bits per luma sample (bpp)");
  if (!byId("log").checked) return { title, rangemode: "tozero" };
  const tickvals = [];
  for (let decade = -4; decade <= 2; decade++) for (const digit of [1, 2, 5]) tickvals.push(Number(`${digit}e${decade}`));
  return { title, type: "log", tickvals, ticktext: tickvals.map(String) };
}
// A long title has its last part, the detector, on a second line.
const twoLines = (title) => title.length > 40 ? title.replace(/, (?=[^,]*$)/, ",<br>") : title;
const qualityAxis = (measure) => ({ title: axisTitle(twoLines(escaped(measure.title)) + (measure.unit === "dB" ? " (dB)" : "")) });

function hover(codec, index, quality, unit) {
  const shown = quality === null ? "n/a" : unit === "dB" ? `${quality.toFixed(2)} dB` : quality.toFixed(4);
  const size = codec.scale[index] === 100 ? "" : `, size ${codec.scale[index]} %`;
  return `<b>${escaped(codec.name)}</b><br>QP ${codec.qp[index]}${size}<br>${codec.bpp[index].toFixed(4)} bpp<br>${shown}`;
}

// One line through some of a codec's points.
function trace(codec, measure, indices, more = {}) {
  const quality = plots.quality[measure.key][plots.codecs.indexOf(codec)];
  return {
    type: "scatter", mode: "lines+markers", name: escaped(codec.name), hoverinfo: "text",
    x: indices.map((i) => codec.bpp[i]), y: indices.map((i) => quality[i]),
    text: indices.map((i) => hover(codec, i, quality[i], measure.unit)),
    line: { color: codec.colour, width: 2.4, dash: codec.dash }, marker: { color: codec.colour, size: 7, symbol: codec.marker }, ...more,
  };
}

function frontOf(codec, measure) {
  const front = plots.front[measure.key]?.[plots.codecs.indexOf(codec)];
  return front ?? codec.bpp.map((_, i) => i).sort((a, b) => codec.bpp[a] - codec.bpp[b]);
}

function uncompressedLine(measure) {
  const value = plots.uncompressed[measure.key];
  if (value === undefined) return {};
  return {
    shapes: [{ type: "line", xref: "paper", x0: 0, x1: 1, y0: value, y1: value, line: { color: colourOf("--soft"), width: 1.2, dash: "4px 4px" } }],
    annotations: [{ xref: "paper", x: 0, xanchor: "left", y: value, yanchor: "bottom", text: "uncompressed", showarrow: false, font: { size: 12, color: colourOf("--soft") } }],
  };
}

function drawCurves() {
  const measure = measureOf(byId("measure").value);
  const traces = [];
  for (const codec of plots.codecs) {
    if (hidden.has(codec.name)) continue;
    if (codec.many) {
      traces.push(trace(codec, measure, codec.bpp.map((_, i) => i), { mode: "markers", opacity: 0.32 }));
    }
    traces.push(trace(codec, measure, frontOf(codec, measure)));
  }
  Plotly.react("rd", traces, layout(rateAxis(), qualityAxis(measure), uncompressedLine(measure)), config);
  drawPareto(measure);
}

function drawPareto(measure) {
  if (!byId("pareto-plot")) return;
  const codec = codecOf(byId("pareto-codec").value);
  const sizes = [...new Set(codec.scale)].sort((a, b) => b - a);
  const marks = ["circle", "square", "diamond", "triangle-up", "x", "star"];
  const traces = sizes.map((size, n) => trace(
    codec, measure, codec.bpp.map((_, i) => i).filter((i) => codec.scale[i] === size).sort((a, b) => codec.bpp[a] - codec.bpp[b]),
    { name: `${size} %`, opacity: 0.5, line: { color: codec.colour, width: 1.2, dash: "dot" }, marker: { color: codec.colour, size: 7, symbol: `${marks[n % marks.length]}-open` }, showlegend: true },
  ));
  const front = frontOf(codec, measure);
  traces.push(trace(codec, measure, front, {
    name: "front", line: { color: codec.colour, width: 3 }, showlegend: true,
    marker: { color: codec.colour, size: 9, symbol: front.map((i) => marks[sizes.indexOf(codec.scale[i]) % marks.length]) },
  }));
  const legend = { showlegend: true, legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0, title: { text: "size" } } };
  Plotly.react("pareto-plot", traces, layout(rateAxis(), qualityAxis(measure), legend), config);
  byId("pareto-measure").textContent = measure.title;
  const quality = plots.quality[measure.key][plots.codecs.indexOf(codec)];
  byId("pareto-rows").replaceChildren(...front.map((i) => make("tr", {},
    make("th", { scope: "row" }, `${codec.scale[i]} %`), make("td", {}, String(codec.qp[i])), make("td", {}, codec.bpp[i].toFixed(4)),
    make("td", {}, measure.unit === "dB" ? `${quality[i].toFixed(2)} dB` : quality[i].toFixed(4)))));
}

function drawMatched() {
  if (!plots.matched) return;
  const { families, percents, cost } = plots.matched;
  const gain = byId("gain").value;
  const traces = families.map((family, n) => {
    const there = family.codecs.map((_, i) => i).filter((i) => percents[cost][family.codecs[i]] !== null && percents[gain][family.codecs[i]] !== null);
    return {
      type: "scatter", mode: "lines+markers+text", name: escaped(family.name), hoverinfo: "text", textposition: "top right",
      x: there.map((i) => percents[cost][family.codecs[i]]), y: there.map((i) => percents[gain][family.codecs[i]]),
      text: there.map((i) => `${family.parameter === "tau" ? "τ" : "γ"} ${family.values[i]}`), textfont: { color: colourOf("--soft"), size: 12 },
      hovertext: there.map((i) => `<b>${escaped(family.codecs[i])}</b><br>luma PSNR ${signed(percents[cost][family.codecs[i]])} %<br>gain ${signed(percents[gain][family.codecs[i]])} %`),
      // A line joins several codecs, so it has the colour of none.
      line: { color: colourOf("--soft"), width: 1.6, dash: ["solid", "dash", "dot", "dashdot"][n % 4] }, marker: { size: 9, symbol: n, color: there.map((i) => codecOf(family.codecs[i]).colour) },
      showlegend: families.length > 1,
    };
  });
  const zero = { zeroline: true, zerolinecolor: colourOf("--rule") };
  const legend = families.length > 1 ? { showlegend: true, legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0 } } : {};
  Plotly.react("matched-plot", traces, layout(
    { title: axisTitle("cost: BD-rate in luma PSNR (%)"), ...zero },
    { title: axisTitle(narrow.matches ? "gain: BD-rate (%)" : `${twoLines(`gain: BD-rate at equal ${escaped(measureOf(gain).title)}`)} (%)`), ...zero }, legend), config);
}

function makeLegend() {
  for (const codec of plots.codecs) {
    const box = make("input", { type: "checkbox", checked: "" });
    box.addEventListener("change", () => {
      if (box.checked) hidden.delete(codec.name); else hidden.add(codec.name);
      drawCurves();
    });
    byId("legend").append(make("label", { class: "check" }, box, swatch(codec), codec.name));
  }
  if (plots.codecs.length < 4) return;
  for (const [words, on] of [["all", true], ["none", false]]) {
    const button = make("button", { type: "button" }, words);
    button.addEventListener("click", () => {
      for (const box of byId("legend").querySelectorAll("input")) box.checked = on;
      hidden.clear();
      if (!on) for (const codec of plots.codecs) hidden.add(codec.name);
      drawCurves();
    });
    byId("legend").append(button);
  }
}

makeLegend();
drawCurves();
drawMatched();
for (const id of ["measure", "log", "pareto-codec"]) byId(id)?.addEventListener("change", drawCurves);
byId("gain")?.addEventListener("change", drawMatched);
for (const query of [dark, narrow]) query.addEventListener("change", () => { drawCurves(); drawMatched(); });
