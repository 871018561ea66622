// The timeline of a spec: a lane for each connection, the link if a fault proxy stands between, the target. Time runs down.
function timeline(t, r) {
  if (!t || !t.ev.length) return { node: empty(t && t.left ? 'The trace is in result.json; it was left out here to keep the report small.' : 'Nothing was recorded.'), rowOf: new Map() };
  const conns = t.conns, proxied = t.ev.some(e => e.l), rowOf = new Map();
  const names = [...conns, ...(proxied ? ['link'] : []), 'target'], last = names.length - 1, mid = proxied ? last - 1 : last;
  const lane = innerWidth < 700 ? Math.max(16, Math.min(44, 150 / names.length)) : names.length < 6 ? 96 : names.length < 9 ? 70 : 48;
  const x = i => lane * (i + .5), color = i => i == null ? '' : 'lane' + i % 6;
  const guilty = new Map((r.find || []).map(f => [f.seq, f])), open = new Map(); // directions that are still open, by connection
  const rows = [];
  const row = (e, c, drawing, content, more) => {
    const lives = names.map((_, i) => g('line', { class: 'life ' + (i >= mid ? '' : open.get(i) ? 'on ' + color(i) : 'off'), x1: x(i), x2: x(i), y1: 0, y2: '100%' }));
    const one = h(more ? 'button' : 'div', { class: 'ev ' + c, ...(more || {}) }, h('span', { class: 't' }, e ? (e.t / 1e6).toFixed(e.t < 1e9 ? 4 : 3) + ' s' : ''),
      h('span', { class: 'p' }, g('svg', { 'aria-hidden': 'true' }, lives, drawing)), h('span', { class: 'd' }, content));
    rows.push(one);
    if (e) rowOf.set(e.s, one);
    return one;
  };
  let before = 0, folded = null;
  t.ev.forEach((e, k) => {
    if (e === folded) return;
    if (e.t - before > 4e5) row(null, 'gap-row', null, '⋮ ' + ((e.t - before) / 1e6).toFixed(2) + ' s');
    before = e.t;
    if (t.left && k === t.cut) row(null, 'gap-row', null, `⋮ ${t.left} events left out here; result.json ${t.whole ? 'has them' : 'has as many as the run kept'}`);
    const own = e.c ?? mid, tint = color(e.c), who = e.c != null && h('span', { class: 'who ' + tint }, conns[e.c]);
    const from = e.l === 't' ? mid : own, to = e.l === 'c' ? mid : last, arrowText = e.d === '<' ? '← ' : '→ ';
    if (e.k === 'packet' || e.k === 'bytes') {
      const next = t.ev[k + 1], through = e.l && next && ['k', 'c', 'd', 'x', 'n'].every(p => next[p] === e[p]) && next.l && next.l !== e.l;
      if (through) folded = next;
      const bad = guilty.get(e.s) || through && guilty.get(next.s), detail = h('div', { class: 'detail', hidden: true });
      const shown = row(e, bad || e.b && e.d === '<' ? 'guilty' : '', [
        arrow(x(through ? own : from), x(through ? last : to), e.d, tint, e.k === 'bytes'), through && g('circle', { class: 'head ' + tint, cx: x(mid), cy: 12, r: 3 }),
      ], [who, arrowText, e.w || 'bytes that are no whole packet', e.n && h('span', { class: 'len' }, e.n + ' B'),
        e.l && !through && h('span', { class: 'len' }, e.l === 'c' ? 'client side of the link' : 'target side of the link'),
        e.b && h('span', { class: 'bad' }, '✗ ' + e.b), bad && h('span', { class: 'bad' }, '✗ ' + bare(bad.id) + ': ' + bad.text)], {
        type: 'button', 'aria-expanded': 'false', onclick: () => {
          detail.hidden = !detail.hidden;
          shown.setAttribute('aria-expanded', !detail.hidden);
          if (!detail.firstChild) detail.append(...dissect(e));
        } });
      rows.push(detail);
      if (through) rowOf.set(next.s, shown);
    } else if (e.k === 'open') {
      if (e.l !== 't') open.set(e.c, 2);
      row(e, '', [g('line', { class: 'arrow ' + tint, x1: x(from), x2: x(to), y1: 12, y2: 12, 'stroke-dasharray': '1 3' }), g('circle', { class: 'head ' + tint, cx: x(from), cy: 12, r: 3.5 })],
        [who, 'connection open', e.l && h('span', { class: 'len' }, e.l === 'c' ? 'client – link' : 'link – target'), e.w && ' ' + e.w]);
    } else if (e.k === 'close') {
      const reset = /^RST/.test(e.w), c = reset ? 'rst' : tint;
      if (e.l !== 't') open.set(e.c, /^FIN/.test(e.w) ? (open.get(e.c) || 1) - 1 : 0);
      row(e, '', [arrow(x(from), x(to), e.d, c, true), cross(x(e.d === '<' ? from : to), c)], [who, arrowText, 'closed: ', h('b', { class: reset && 'rst' }, e.w)]);
    } else if (e.k === 'fault') {
      row(e, 'fault', g('text', { x: x(mid), y: 17, 'text-anchor': 'middle', 'font-size': 14, fill: 'currentColor' }, '⚡'), [who, 'fault: ' + e.w]);
    } else row(e, /^✗/.test(e.w) ? 'broke' : 'note', null, [who, e.w]);
  });
  const heads = names.map((n, i) => h('span', { class: i < mid && color(i), style: { left: x(i) + 'px' }, title: n }, n));
  return { rowOf, node: h('div', {}, h('div', { class: 'tl', style: { '--w': lane * names.length + 'px', '--lane': lane - 4 + 'px' } }, h('div', { class: 'in' },
    h('div', { class: 'ev heads' }, h('span', { class: 't' }), h('div', { class: 'lanes' }, heads), h('span', {})), rows)),
    h('p', { class: 'legend' }, ['→ to the server', '← to the client', '⚡ fault', '✕ close', proxied && '● passed through the link unchanged', 'Select a packet for its bytes.'].map(w => w && h('span', {}, w)))) };
}
function arrow(a, b, dir, c, dashed) {
  const [p, q] = dir === '<' ? [b, a] : [a, b], s = p < q ? -1 : 1;
  return g('g', { class: c }, g('line', { class: 'arrow', x1: p, x2: q + 6 * s, y1: 12, y2: 12, 'stroke-dasharray': dashed && '4 3' }), g('path', { class: 'head', d: `M${q} 12l${7 * s} -4v8z` }));
}
const cross = (at, c) => g('path', { class: 'arrow ' + c, d: `M${at - 5} 7l10 10m0 -10l-10 10`, 'stroke-width': 2 });

// dissect shows the bytes of a packet beside the names of their fields. A field is [start, end, name, value].
function dissect(e) {
  const bytes = (e.x || '').match(/../g) || [], fields = e.f || [], of = [], pre = h('pre', { class: 'hex' });
  fields.forEach((f, i) => { for (let b = f[0]; b < f[1] && b < bytes.length; b++) of[b] = i; });
  const light = (i, on) => all.forEach(x => x.dataset.f === String(i) && x.classList.toggle('hot', on));
  const hover = i => ({ 'data-f': i, onmouseenter: () => light(i, true), onmouseleave: () => light(i, false) });
  for (let o = 0; o < bytes.length; o += 16) {
    pre.append(h('span', { class: 'at' }, o.toString(16).padStart(4, '0') + '  '));
    let ascii = '';
    for (let b = o; b < o + 16; b++) {
      const n = parseInt(bytes[b], 16);
      pre.append(b >= bytes.length ? '  ' : of[b] == null ? bytes[b] : h('b', { class: 'f' + of[b] % 2, ...hover(of[b]), title: fields[of[b]][2] }, bytes[b]), b % 8 === 7 ? '  ' : ' ');
      if (b < bytes.length) ascii += n > 31 && n < 127 ? String.fromCharCode(n) : '·';
    }
    pre.append(h('span', { class: 'at' }, ascii + '\n'));
  }
  if (e.n > bytes.length) pre.append(`${e.n - bytes.length} bytes ${bytes.length ? 'more ' : ''}are in result.json`);
  const list = fields.length && h('table', { class: 'fields' }, h('tbody', {}, fields.map((f, i) => h('tr', hover(i),
    h('td', { class: 'mono muted' }, f[0].toString(16).padStart(4, '0')), h('td', {}, f[2]), h('td', {}, f[3])))));
  const all = [pre, list].flatMap(x => x ? [...x.querySelectorAll('[data-f]')] : []);
  return list ? [pre, list] : [pre];
}
