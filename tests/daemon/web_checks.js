/* What test_web.py asks of the page itself: an expression that gives its complaints as a list of texts. */
(() => {
    const complaints = [];
    const complain = (what, node) => complaints.push(what + ": " + (node.id ? "#" + node.id : node.outerHTML.slice(0, 120)));
    const visible = (node) => node.checkVisibility({visibilityProperty: true, opacityProperty: true}) && node.getClientRects().length > 0;
    const all = (selector) => [...document.querySelectorAll(selector)];

    /* ---- structure ---- */
    const headings = all("h1, h2, h3").filter(visible).map((node) => Number(node.tagName[1]));
    if (headings.filter((level) => level === 1).length !== 1)
        complaints.push("not one first heading");
    if (headings.some((level, at) => at > 0 && level > headings[at - 1] + 1))
        complaints.push("headings leave a level out: " + headings);
    for (const landmark of ["header", "main", "footer"])
        if (all("body > " + landmark).length !== 1)
            complaints.push("no single " + landmark);
    const ids = all("[id]").map((node) => node.id);
    if (new Set(ids).size !== ids.length)
        complaints.push("an id twice");
    if (!document.documentElement.lang)
        complaints.push("no language");
    for (const node of all("[aria-labelledby], [aria-describedby]"))
        for (const id of (node.getAttribute("aria-labelledby") || node.getAttribute("aria-describedby")).split(" "))
            if (!document.getElementById(id))
                complain("refers to nothing", node);
    for (const node of all("section"))
        if (!node.getAttribute("aria-labelledby"))
            complain("a section without a name", node);
    for (const node of all("table"))
        if (!node.caption || node.caption.textContent.trim() === "" || [...node.querySelectorAll("th")].some((cell) => !cell.scope))
            complain("a table without a caption, or a head without its scope", node);
    for (const node of all("input, select, textarea"))
        if (node.labels.length === 0 || node.labels[0].textContent.trim() === "")
            complain("a field without a label", node);
    for (const node of all("button, summary, a").filter(visible))
        if (node.textContent.trim() === "")
            complain("nothing to press by name", node);
    for (const node of all("[role=slider], [role=meter]").filter(visible))
        for (const name of ["aria-valuemin", "aria-valuemax", "aria-valuenow", "aria-valuetext"])
            if (!node.getAttribute(name))
                complain("without " + name, node);
    for (const node of all("svg"))
        if (node.getAttribute("aria-hidden") !== "true")
            complain("a picture that is neither hidden nor told", node);
    for (const node of all("*"))
        for (const attribute of node.attributes)
            if (attribute.name.startsWith("on") || (["src", "href"].includes(attribute.name) && !/^(#|data:)/.test(attribute.value)))
                complain("leads elsewhere, or does something: " + attribute.name, node);
    if (!document.querySelector("[aria-live=polite] h1"))
        complaints.push("the verdict is not told when it changes");

    /* ---- room ---- */
    if (document.documentElement.scrollWidth > innerWidth)
        complaints.push("wider than the window: " + document.documentElement.scrollWidth + " > " + innerWidth);
    for (const node of all("button, input, select, summary").filter(visible))
        if (node.getBoundingClientRect().height < 24)
            complain("too small to hit", node);

    /* ---- contrast ---- */
    const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
    canvas.canvas.width = canvas.canvas.height = 1;
    const seen = new Map();
    function rgba(colour) {
        if (!seen.has(colour)) {
            canvas.clearRect(0, 0, 1, 1);
            canvas.fillStyle = colour;
            canvas.fillRect(0, 0, 1, 1);
            const [red, green, blue, alpha] = canvas.getImageData(0, 0, 1, 1).data;
            seen.set(colour, [red, green, blue, alpha / 255]);
        }
        return seen.get(colour);
    }
    const over = ([r, g, b, a], [R, G, B]) => [r * a + R * (1 - a), g * a + G * (1 - a), b * a + B * (1 - a), 1];
    function ground(node) {
        const layers = [];
        for (let at = node; at; at = at.parentElement)
            layers.unshift(rgba(getComputedStyle(at).backgroundColor));
        return layers.reduce((below, layer) => over(layer, below), [255, 255, 255, 1]);
    }
    const part = (value) => (value / 255 <= 0.03928 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4);
    const light = ([r, g, b]) => 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
    function contrast(one, other) {
        const [more, less] = [light(one), light(other)].sort((a, b) => b - a);
        return (more + 0.05) / (less + 0.05);
    }
    let lowest = 99, texts = 0;
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const node = walker.currentNode.parentElement, style = getComputedStyle(node);
        if (walker.currentNode.data.trim() === "" || !visible(node) || node.closest("script, style, noscript, .unseen, .skip"))
            continue;
        const below = ground(node), colour = over(rgba(node instanceof SVGElement ? style.fill : style.color), below);
        const large = parseFloat(style.fontSize) >= 24 || (parseFloat(style.fontSize) >= 18.66 && Number(style.fontWeight) >= 700);
        const found = contrast(colour, below);
        texts++;
        lowest = Math.min(lowest, found);
        if (found < (large ? 3 : 4.5))
            complain("contrast " + found.toFixed(2) + " of \"" + walker.currentNode.data.trim().slice(0, 30) + "\"", node);
    }
    for (const [one, other] of [[".chart .bar:not(.running)", "#day"], ["#meter-kept", "#meter"], [".chart .limit", "#day"]]) {
        const node = document.querySelector(one), box = document.querySelector(other);
        if (!node || !visible(box))
            continue;
        const style = getComputedStyle(node), colour = node instanceof SVGElement ? (one.includes(".bar") ? style.fill : style.stroke) : style.backgroundColor;
        if (contrast(over(rgba(colour), ground(box)), ground(box)) < 3)
            complain("a picture's contrast below 3", node);
    }
    if (texts < 10)
        complaints.push("there is nothing to read");
    return {complaints, lowest: Number(lowest.toFixed(2)), texts};
})()
