// Pictures: two of them in one frame, to the left and right of a line that the slider moves.
function startGallery() {
  const overlap = 0.5, kinds = ["found", "lost", "new"];
  const stage = byId("stage"), split = byId("split");
  let picture = pictures.pictures[0];

  const label = (side) => side.codec ?? "original";
  const classes = () => pictures.detectors[byId("detector").value] ?? [];
  const found = (side) => (side.found[byId("detector").value] ?? []).filter((d) => d[5] > Number(byId("score").value));

  function iou(a, b) {
    const width = Math.min(a[2], b[2]) - Math.max(a[0], b[0]), height = Math.min(a[3], b[3]) - Math.max(a[1], b[1]);
    if (width <= 0 || height <= 0) return 0;
    const area = (c) => (c[2] - c[0]) * (c[3] - c[1]);
    return width * height / (area(a) + area(b) - width * height);
  }

  // Detections of a side told apart by the original's: the best first, each with the one it overlaps most (as COCO matches).
  function compared(side) {
    const here = [...found(side)].sort((a, b) => b[5] - a[5]);
    if (!side.codec) return { found: here, lost: [], new: [] };
    const left = [...found(picture.sides[0])], kept = [], added = [];
    for (const d of here) {
      let best = -1, most = overlap;
      left.forEach((s, i) => { if (s[4] === d[4] && iou(s, d) >= most) { best = i; most = iou(s, d); } });
      if (best >= 0) { left.splice(best, 1); kept.push(d); } else added.push(d);
    }
    return { found: kept, lost: left, new: added };
  }

  function boxes(side) {
    // The picture is scaled to the stage's width; this size is constant on the screen.
    const size = 13 * picture.width / Math.max(stage.clientWidth, 1);
    const svg = make("svg", { viewBox: `0 0 ${picture.width} ${picture.height}`, preserveAspectRatio: "none", "aria-hidden": "true" });
    const rect = (b, attributes) => make("rect", { x: b[0], y: b[1], width: Math.max(b[2] - b[0], 0), height: Math.max(b[3] - b[1], 0), ...attributes });
    if (byId("show-truth").checked) {
      for (const b of picture.truth) {
        svg.append(rect(b, { class: "under-box" }), rect(b, { class: "box truth" }));
        svg.append(make("text", { class: "name", x: b[2] - size * 0.3, y: b[3] - size * 0.4, "text-anchor": "end", "font-size": size, "stroke-width": size / 4 },
          pictures.classes[b[4]] + (b[5] ? " (crowd)" : "")));
      }
    }
    const groups = compared(side), names = [];
    const signs = { found: "", lost: "− ", new: "+ " };
    for (const kind of kinds.filter((k) => byId(`show-${k}`).checked)) {
      for (const d of [...groups[kind]].sort((a, b) => a[5] - b[5])) {
        svg.append(rect(d, { class: "under-box" }), rect(d, { class: `box ${kind}` }));
        // What is lost is named at the bottom, since what is new often lies at the same place, but above the tags.
        const top = Math.max(d[1], 0), low = Math.min(d[3], picture.height) - size * 0.4, free = picture.height - size * (byId("show-map").checked ? 7 : 4.4);
        const y = kind !== "lost" ? top + size * 1.1 : low > free ? Math.min(low, Math.max(free, top + size * 2.3)) : low;
        names.push(make("text", { class: `name ${kind}`, x: Math.max(d[0], 0) + size * 0.3, y, "font-size": size, "stroke-width": size / 4 },
          `${signs[kind]}${classes()[d[4]]} ${d[5].toFixed(2)}`));
      }
    }
    svg.append(...names);  // above all boxes
    return svg;
  }

  function layer(where) {
    const side = picture.sides[byId(where).value];
    const groups = compared(side);
    const counted = side.codec ? kinds.map((k) => `${groups[k].length} ${k}`).join(", ") : `${groups.found.length} detections`;
    const words = `${picture.name}, ${label(side)}${byId("detector").value ? `, ${byId("detector").value}: ${counted}` : ""}`;
    const mapped = byId("show-map").checked && side.map;
    const element = make("div", { class: `layer ${where}${mapped ? " mapped" : ""}` }, make("img", { src: side.image, alt: words }));
    if (mapped) element.append(make("img", { class: "map", src: side.map, alt: `importance map of ${label(side)}: ${side.map_of}` }));
    const tags = make("div", { class: "tags" }, make("span", { class: "tag" }, label(side)));
    if (side.codec) tags.append(make("span", { class: "more" }, `QP ${side.qp}, ${side.bpp.toFixed(3)} bpp`));
    if (mapped) tags.append(make("span", { class: "more map-of" }, `map of ${side.map_of}`));
    element.append(boxes(side), tags);
    return element;
  }

  // The weights over frequency of the maps of both sides: a table of 8x8 for each plane, low frequencies at the upper left.
  function profiles() {
    const sides = [...new Set([byId("left").value, byId("right").value])].map((i) => picture.sides[i]).filter((side) => side.profiles.length);
    byId("profiles").hidden = byId("profile-scale").hidden = !byId("show-map").checked || !sides.length;
    byId("profiles").replaceChildren(...sides.map((side) => {
      const tables = side.profiles.map(([plane, image]) => make("figure", { class: "profile" },
        make("figcaption", {}, plane), make("span", { class: "vertical" }, "vertical"),
        make("img", { src: image, width: 8, height: 8, alt: `weight by frequency in ${plane} of the map of ${label(side)}` }),
        make("span", { class: "horizontal" }, "horizontal")));
      return make("div", { role: "group", "aria-label": `weight by frequency, ${label(side)}` }, make("p", {}, label(side)), make("div", { class: "planes" }, ...tables));
    }));
  }

  function table() {
    const features = Object.keys(pictures.detectors);
    const heads = ["", "QP", "size", "bytes", "bpp", "PSNR Y", "MS-SSIM", ...features.map((d) => `features, ${d}`), ...(features.length ? kinds : []), "importance map of"];
    byId("gallery-head").replaceChildren(make("tr", {}, ...heads.map((h) => make("th", { scope: "col" }, h))));
    const shown = [byId("left").value, byId("right").value];
    byId("gallery-rows").replaceChildren(...picture.sides.map((side, i) => {
      const name = make("th", { scope: "row" });
      if (side.codec) name.append(swatch(codecOf(side.codec)));
      name.append(label(side));
      const decibel = (key) => side.figures?.[key] === undefined ? "–" : `${side.figures[key].toFixed(2)} dB`;
      const cells = side.codec
        ? [side.qp, `${side.scale} %`, side.bytes.toLocaleString("en"), side.bpp.toFixed(3), decibel("psnr_y"), decibel("ms_ssim"), ...features.map((d) => decibel(`features:${d}`))]
        : Array(6 + features.length).fill("–");
      const groups = compared(side);
      if (features.length) cells.push(groups.found.length, ...(side.codec ? [groups.lost.length, groups.new.length] : ["–", "–"]));
      return make("tr", shown.includes(String(i)) ? { class: "shown" } : {}, name, ...cells.map((c) => make("td", {}, String(c))), make("td", { class: "words-line" }, side.map_of ?? "–"));
    }));
  }

  function draw() {
    stage.style.aspectRatio = `${picture.width} / ${picture.height}`;
    // A tall picture is scaled to fit the window; the slider and the lists get its width.
    stage.parentElement.style.setProperty("--fit", `calc(82vh * ${picture.width / picture.height})`);
    stage.replaceChildren(layer("left"), layer("right"));
    byId("map-scale").hidden = !byId("show-map").checked;
    byId("show-truth-label").hidden = pictures.classes.length === 0;
    profiles();
    table();
  }

  const move = () => stage.style.setProperty("--split", `${split.value}%`);

  function choose(chosen) {
    const names = picture.sides.map(label);
    picture = chosen;
    for (const where of ["left", "right"]) {
      const before = byId(where).value === "" ? null : names[byId(where).value];
      const again = picture.sides.map(label).indexOf(before);
      byId(where).replaceChildren(...picture.sides.map((side, i) => make("option", { value: i }, label(side))));
      const first = picture.sides.length > 2 ? 1 : 0;  // two codecs side by side; one beside the original
      byId(where).value = String(again >= 0 ? again : where === "left" ? first : first + 1);
    }
    draw();
  }

  pictures.pictures.forEach((p, i) => {
    const button = make("input", { type: "radio", name: "picture", "aria-label": p.name, ...(i ? {} : { checked: "" }) });
    button.addEventListener("change", () => choose(p));
    byId("thumbnails").append(make("label", { title: p.name }, button, make("img", { src: p.thumbnail, alt: "" })));
  });
  byId("detector").replaceChildren(...Object.keys(pictures.detectors).map((d) => make("option", {}, d)));
  if (!Object.keys(pictures.detectors).length) {
    for (const id of ["show-found", "show-lost", "show-new", "detector", "score"]) byId(id).closest("label").hidden = true;
    byId("boxes-words").hidden = true;
  }
  if (!pictures.pictures.some((p) => p.sides.some((s) => s.map))) byId("show-map").closest("label").hidden = true;
  for (const id of ["left", "right", "show-map", "show-found", "show-lost", "show-new", "show-truth", "detector", "score"]) byId(id).addEventListener("input", draw);
  split.addEventListener("input", move);
  const drag = (event) => {
    const area = stage.getBoundingClientRect();
    split.value = String(100 * (event.clientX - area.left) / area.width);
    move();
  };
  stage.addEventListener("pointerdown", (event) => { stage.setPointerCapture(event.pointerId); drag(event); });
  stage.addEventListener("pointermove", (event) => { if (stage.hasPointerCapture(event.pointerId)) drag(event); });
  choose(picture);
  move();
  let width = stage.clientWidth;
  new ResizeObserver(() => { if (stage.clientWidth !== width) { width = stage.clientWidth; draw(); } }).observe(stage);
}

if (pictures) startGallery();
