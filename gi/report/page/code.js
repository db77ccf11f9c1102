// Code as coloured lines, and the difference between two programs side by side.

const TOKEN = /("""[\s\S]*?(?:"""|$)|'''[\s\S]*?(?:'''|$)|"(?:\\.|[^"\\\n])*"?|'(?:\\.|[^'\\\n])*'?)|(#[^\n]*)|\b(and|as|assert|async|await|break|class|continue|def|del|elif|else|except|False|finally|for|from|global|if|import|in|is|lambda|None|nonlocal|not|or|pass|raise|return|True|try|while|with|yield|self)\b|\b(\d[\w.]*)/g;

function colouredLines(text) {
  const lines = [[]];
  const add = (kind, piece) => piece.split("\n").forEach((part, n) => {
    if (n) lines.push([]);
    if (part) lines.at(-1).push([kind, part]);
  });
  let end = 0;
  for (const match of text.matchAll(TOKEN)) {
    add("", text.slice(end, match.index));
    add(["s", "c", "k", "n"][match.slice(1).findIndex((group) => group !== undefined)], match[0]);
    end = match.index + match[0].length;
  }
  add("", text.slice(end));
  if (!lines.at(-1).length) lines.pop();
  return lines;
}

function codeLine(kind, number, pieces) {
  const spans = (pieces ?? []).map(([type, text]) => (type ? make("b", { class: type }, text) : text));
  return make("div", { class: `line ${kind}${pieces ? "" : " none"}` }, make("i", {}, pieces ? number : ""), ...spans);
}

function aligned(before, after) {
  // Pairs of equal lines: the longest common subsequence, after what is equal at both ends.
  let head = 0, tail = 0;
  while (head < before.length && head < after.length && before[head] === after[head]) head++;
  while (tail < before.length - head && tail < after.length - head && before.at(-1 - tail) === after.at(-1 - tail)) tail++;
  const a = before.slice(head, before.length - tail), b = after.slice(head, after.length - tail);
  const pairs = Array.from({ length: head }, (_, n) => [n, n]), width = b.length + 1;
  if (a.length * b.length < 3e7) { // beyond, a table of the lengths would not fit: all of it counts as changed
    const longest = new Uint16Array((a.length + 1) * width);
    for (let i = a.length - 1; i >= 0; i--) for (let j = b.length - 1; j >= 0; j--) {
      longest[i * width + j] = a[i] === b[j] ? longest[(i + 1) * width + j + 1] + 1 : Math.max(longest[(i + 1) * width + j], longest[i * width + j + 1]);
    }
    for (let i = 0, j = 0; i < a.length && j < b.length;) {
      if (a[i] === b[j]) pairs.push([head + i++, head + j++]);
      else if (longest[(i + 1) * width + j] >= longest[i * width + j + 1]) i++;
      else j++;
    }
  }
  for (let n = tail; n > 0; n--) pairs.push([before.length - n, after.length - n]);
  return pairs;
}

const CONTEXT = 3;

function diffRows(before, after) {
  const [old, now] = [colouredLines(before), colouredLines(after)];
  const plain = (lines) => lines.map((pieces) => pieces.map(([, text]) => text).join(""));
  const rows = [], equal = [];
  const row = (kind, i, j) => make("div", { class: `row ${kind}` },
    codeLine(`old ${kind}`, i + 1, old[i]), codeLine(`new ${kind}`, j + 1, now[j]));
  const settle = (last) => {
    const from = rows.length ? CONTEXT : 0, to = last ? 0 : CONTEXT;
    const built = equal.splice(0).map(([i, j]) => row("equal", i, j));
    if (built.length <= from + to + 2) return rows.push(...built);
    const folded = built.slice(from, built.length - to);
    rows.push(...built.slice(0, from), make("details", {}, make("summary", {}, `${folded.length} equal lines`), ...folded), ...built.slice(built.length - to));
  };
  let i = 0, j = 0, changed = 0;
  for (const [p, q] of [...aligned(plain(old), plain(now)), [old.length, now.length]]) {
    if (i < p || j < q) {
      settle(false);
      changed += Math.max(p - i, q - j);
      for (; i < p || j < q;) rows.push(row("changed", i < p ? i++ : old.length, j < q ? j++ : now.length));
    }
    if (p < old.length) equal.push([i++, j++]);
  }
  settle(true);
  return { rows, changed };
}
