// The views of the report and what they share: the data, the filters, the state in the address's hash.
async function start() {
// unpack reads a data island: JSON, or gzip of it in base64.
async function unpack(id) {
  const e = $(id), text = e.textContent;
  if (e.dataset.packed !== 'gzip') return JSON.parse(text);
  const bytes = Uint8Array.from(atob(text), c => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
  return JSON.parse(await new Response(stream).text());
}
const main = $('main');
let D, traces;
try { D = await unpack('index'); } catch (e) {
  main.append(h('p', {}, 'This browser cannot unpack the report: ' + e.message + '. The same facts stand in result.json.'));
  return;
}

// ---- indexes
const statements = new Map(D.statements.map(s => [s.id, s]));
const one = D.targets.length < 2;
const columns = D.targets.flatMap((t, ti) => D.versions.map(v => ({ t: ti, v })));
const specs = new Map(); // by id, with the results of all versions and targets
D.results.forEach((r, i) => {
  r.i = i;
  r.s = D.specs[r.s];
  const id = r.s.id;
  if (!specs.has(id)) specs.set(id, { id, text: r.s.text, sec: r.s.section, results: [] });
  specs.get(id).results.push(r);
});

// ---- state, kept in the hash
const DEFAULTS = { view: 'specs', v: '', mqtt: '', level: '', sec: '', q: '', id: '', r: '', e: '', st: '' };
let S = {};
function readHash() {
  const [view, query] = location.hash.slice(1).split('?');
  S = { ...DEFAULTS, ...Object.fromEntries(new URLSearchParams(query || '')), view: view || 'specs' };
}
function link(changes, from = {}) {
  const next = { ...DEFAULTS, ...from, ...changes }, q = new URLSearchParams();
  for (const k in DEFAULTS) if (k !== 'view' && next[k] !== '') q.set(k, next[k]);
  return '#' + next.view + (q.size ? '?' + q : '');
}
const FILTERS = ['v', 'mqtt', 'level', 'sec', 'q'];
const filters = () => /^spec/.test(S.view) ? Object.fromEntries(FILTERS.map(k => [k, S[k]])) : {}; // other views use them in their own way
function set(changes) { history.replaceState(null, '', link(changes, S)); readHash(); render(); }
const specLink = (r, e = '') => link({ ...filters(), view: 'spec', id: r.s.id, r: r.i, e });

// ---- pieces
const badge = v => h('span', { class: 'verdict ' + cls(v) }, mark(v) + ' ' + v);
const pill = (text, title) => h('span', { class: 'tag', title }, text);
const table = (head, rows, c = '') => h('div', { class: 'scroll ' + c }, h('table', {},
  h('thead', {}, h('tr', {}, head.map(x => x instanceof Node ? x : h('th', { scope: 'col' }, x)))), h('tbody', {}, rows)));
function chip(text, pressed, onclick, glyph, c) {
  return h('button', { class: 'chip', type: 'button', 'aria-pressed': String(!!pressed), onclick }, glyph && h('b', { class: c }, glyph), text);
}
function choices(name, key, options) {
  return options.length < 2 ? null : h('div', { class: 'chips', role: 'group', 'aria-label': name }, h('span', {}, name),
    options.map(([value, text]) => chip(text, S[key] === value, () => set({ [key]: S[key] === value ? '' : value }))));
}
function search(placeholder) {
  const box = h('input', { type: 'search', id: 'q', placeholder, 'aria-label': placeholder, value: S.q });
  let timer;
  box.addEventListener('input', () => { clearTimeout(timer); timer = setTimeout(() => set({ q: box.value }), 120); });
  return box;
}
function command(text) {
  const button = h('button', { class: 'text-button copy', type: 'button', onclick: async () => {
    try { await navigator.clipboard.writeText(text); button.textContent = 'copied'; } catch {
      getSelection().selectAllChildren(code); button.textContent = 'selected';
    }
  } }, 'copy');
  const code = h('code', {}, text);
  return h('div', { class: 'cmd' }, code, button);
}
function statementRef(id) {
  const s = statements.get(id);
  return s ? h('a', { class: 'id', href: link({ view: 'statements', st: id }), title: s.level + ': ' + s.text }, bare(id)) : h('span', { class: 'id' }, bare(id));
}
const seconds = ns => ns >= 1e9 ? (ns / 1e9).toFixed(2) + ' s' : (ns / 1e6).toFixed(ns < 1e7 ? 1 : 0) + ' ms';
const variant = r => r.variant && r.variant !== 'default' ? r.variant : '';
const place = r => [mqtt(r.s.v), !one && D.targets[r.t].name, variant(r)].filter(Boolean).join(' · ');
// brief is a name for a narrow column: of a long one the beginning and the end, where versions and ports stand.
const brief = name => name.length > 24 ? name.slice(0, 8) + '…' + name.slice(-15) : name;
const text = r => r._text ||= [r.s.id, r.s.text, r.s.section, ...r.s.claims, r.reason, r.variant, ...(r.req || []).flatMap(q => [q.text, q.observed])].join(' ').toLowerCase();

function keeps(r) {
  if (S.v && !S.v.split(',').includes(r.verdict)) return false;
  if (S.mqtt && mqtt(r.s.v) !== S.mqtt || S.level && r.s.level !== S.level || S.sec && r.s.section !== S.sec) return false;
  return S.q.toLowerCase().split(/\s+/).every(w => text(r).includes(w));
}
const filtered = () => FILTERS.some(k => S[k]);

// ---- the view of all specs
const opened = new Map();
function specsView() {
  const counts = D.counts, used = ORDER.filter(v => counts[v]);
  const wanted = new Set(S.v.split(',').filter(Boolean));
  main.append(heading(),
    h('div', { class: 'bar', 'aria-hidden': 'true' }, used.map(v => h('i', { class: cls(v), style: { flex: counts[v] } }))),
    h('div', { class: 'row controls' }, h('div', { class: 'chips', role: 'group', 'aria-label': 'Verdict' }, used.map(v => chip(counts[v] + ' ' + v, wanted.has(v), () => {
      wanted.has(v) ? wanted.delete(v) : wanted.add(v);
      set({ v: [...wanted].join(',') });
    }, mark(v), cls(v))))),
    targetsTable(), h('div', { class: 'again' }, command(D.run.command), h('a', { href: link({ view: 'run' }) }, 'capabilities observed')), h('h2', {}, 'Specs'));
  const sections = [...new Set(D.specs.map(s => s.section))];
  const theme = h('select', { 'aria-label': 'Theme', onchange: e => set({ sec: e.target.value }) }, h('option', { value: '' }, 'All themes'),
    sections.map(s => h('option', { value: s, selected: s === S.sec }, s)));
  theme.value = S.sec;
  main.append(h('div', { class: 'row controls' }, search('Search specs, statements, reasons   /'),
    choices('MQTT', 'mqtt', D.versions.map(v => [mqtt(v), mqtt(v)])),
    choices('Level', 'level', [...new Set(D.specs.map(s => s.level))].map(l => [l, l])), theme,
    filtered() && h('button', { class: 'text-button', type: 'button', onclick: () => set({ v: '', mqtt: '', level: '', sec: '', q: '' }) }, 'show all'),
    h('button', { class: 'text-button', type: 'button', onclick: () => { const all = !sections.every(s => opened.get(s)); sections.forEach(s => opened.set(s, all)); render(); } }, 'open or close all')));
  main.append(specsTable(sections));
}
function heading() {
  const r = D.run;
  return h('div', {}, h('h1', {}, D.title), h('div', { class: 'meta' },
    [...D.versions.map(v => 'MQTT ' + mqtt(v)), D.results.length + ' results of ' + specs.size + ' specs', r.duration, r.start, r.tool && 'mqttspec ' + r.tool]
      .filter(Boolean).map(x => h('span', {}, x))),
    D.results.some(x => x.course) && h('p', { class: 'panel v v-inconclusive' }, h('span', { class: 'verdict' }, '≠ ' + D.results.filter(x => x.course).length + ' results differ between repeats. '),
      D.results.filter(x => x.course).slice(0, 20).map(x => h('a', { href: specLink(x), class: 'id' }, x.s.id + ' '))),
    (r.stalls || []).map(s => h('p', { class: 'panel v v-inconclusive' }, h('span', { class: 'verdict' }, '? '), h('span', {}, s))),
    !r.complete && h('p', { class: 'panel v v-inconclusive' }, h('span', { class: 'verdict' }, '? The run is not complete. '), h('span', {}, r.reason || '')));
}
function targetsTable() {
  const used = ORDER.filter(v => D.counts[v]);
  return table(['Target', 'Verdict', ...used.map(v => h('th', { class: 'n ' + cls(v), title: v, scope: 'col' }, mark(v), h('span', { class: 'vh' }, v))), 'Statements: known › observable › exercised › kept'],
    D.targets.map(t => h('tr', {}, h('td', {}, h('b', { class: 'mono' }, t.name), h('span', { class: 'why' }, t.software),
      t.errors.map(e => h('span', { class: 'why v-fail' }, e))),
      h('td', { class: 'verdict ' + (t.overall.startsWith('conf') ? 'v-pass' : t.overall === 'undecided' ? 'v-inconclusive' : 'v-fail') }, t.overall),
      used.map(v => h('td', { class: 'n' }, t.counts[v] || h('span', { class: 'muted' }, '·'))),
      h('td', {}, t.coverage.map(coverage)))));
}
function coverage(c) {
  const w = n => ({ width: 100 * n / Math.max(1, c.known) + '%' });
  return h('div', {}, h('span', { class: 'cov' }, h('span', { class: 'muted ver' }, mqtt(c.version)),
    h('span', { class: 'nest', title: 'known: all; grey: observable; amber: exercised and not kept; green: kept' },
      h('i', { class: 'o', style: w(c.observable) }), h('i', { class: 'e', style: w(c.exercised) }), h('i', { class: 'p', style: w(c.kept) })),
    h('span', {}, `${c.known} › ${c.observable} › ${c.exercised} › ${c.kept}`)));
}
function specsTable(sections) {
  const groups = sections.map(name => {
    const rows = [];
    for (const s of specs.values()) {
      if (s.sec !== name) continue;
      const kept = s.results.filter(keeps);
      if (kept.length) rows.push({ s, kept, worst: worst(kept.map(r => r.verdict)), found: kept.some(r => r.find) });
    }
    rows.sort((a, b) => ORDER.indexOf(a.worst) - ORDER.indexOf(b.worst));
    return { name, rows, worst: worst(rows.map(r => r.worst)) };
  }).filter(x => x.rows.length);
  const alarm = v => quiet(v) ? 9 : ORDER.indexOf(v);
  groups.sort((a, b) => alarm(a.worst) - alarm(b.worst)); // stable: otherwise in the order of the list
  if (!groups.length) return empty('No spec matches these filters.');
  const wide = columns.length + 2, rows = one ? 1 : 2, edge = i => i && i % D.versions.length === 0 ? ' first' : '';
  const head = [h('tr', {}, !one && D.targets.map((t, i) => h('th', { class: 'c up' + (i ? ' first' : ''), colspan: D.versions.length, scope: 'col' }, h('span', { title: t.name }, brief(t.name)))),
    one && columns.map(c => h('th', { class: 'c', scope: 'col' }, mqtt(c.v))), h('th', { scope: 'col', rowspan: rows }, 'Id'), h('th', { scope: 'col', rowspan: rows }, 'The target …')),
    !one && h('tr', {}, columns.map((c, i) => h('th', { class: 'c small' + edge(i), scope: 'col' }, mqtt(c.v))))];
  const body = groups.map(group => {
    const open = opened.has(group.name) ? opened.get(group.name) : filtered() || !quiet(group.worst);
    const n = {};
    group.rows.forEach(row => row.kept.forEach(r => n[r.verdict] = (n[r.verdict] || 0) + 1));
    const title = h('tr', { class: 'sec' }, h('td', { colspan: wide }, h('button', { type: 'button', 'aria-expanded': String(!!open), onclick: () => { opened.set(group.name, !open); render(group.name); }, 'data-sec': group.name },
      h('span', { class: 'tri' }, open ? '▼' : '▶'), group.name,
      h('span', { class: 'sum' }, ORDER.filter(v => n[v]).map(v => h('span', { class: cls(v), title: n[v] + ' ' + v }, mark(v) + ' ' + n[v]))))));
    return h('tbody', {}, title, open && group.rows.map(specRow));
  });
  return h('div', { class: 'scroll' }, h('table', {}, h('thead', {}, head), body));
}
function specRow({ s, kept }) {
  const at = kept.find(r => r.verdict === worst(kept.map(k => k.verdict)));
  const reasons = new Map();
  for (const r of kept) if (!quiet(r.verdict) && r.reason) reasons.set(r.reason, [...(reasons.get(r.reason) || []), r]);
  const shown = [...reasons].slice(0, 2);
  return h('tr', {}, columns.map((c, i) => {
    const here = kept.filter(r => r.t === c.t && r.s.v === c.v), edge = i && i % D.versions.length === 0 ? ' first' : '';
    if (!here.length) return h('td', { class: 'c' + edge });
    const v = worst(here.map(r => r.verdict)), r = here.find(x => x.verdict === v);
    return h('td', { class: 'c ' + cls(v) + edge + ' ' + cls(v).replace('v-', 'fill-') }, h('a', { class: cls(v), href: specLink(r), title: v + ': ' + s.id + ', ' + D.targets[c.t].name + ', MQTT ' + mqtt(c.v) + (r.reason ? '\n' + r.reason : '') },
      mark(v), r.find && h('sup', { class: 'v-fail', title: 'a monitor found something on this traffic' }, '•')));
  }), h('td', { class: 'id' }, h('a', { href: specLink(at), 'data-row': true }, s.id)),
    h('td', { class: 'text' }, h('a', { href: specLink(at), tabindex: -1 }, s.text),
      [...new Set(kept.map(variant))].map(v => v && [' ', pill(v, 'ran on the variant ' + v + ' of the target')]),
      kept.filter(r => r.course).map(r => h('span', { class: 'why v-inconclusive' }, '≠ ' + place(r) + ', repeated: ' + r.course)),
      shown.map(([reason, rs]) => h('span', { class: 'why more', title: reason }, rs.length < kept.length && h('span', { class: 'muted' }, rs.slice(0, 3).map(place).join(', ') + (rs.length > 3 ? ' …' : '') + ': '), reason))));
}

// ---- the page of one spec
function listed() { return [...document.querySelectorAll('[data-row]')]; }
let order = [];
async function specView() {
  const s = specs.get(S.id);
  if (!s) { main.append(empty('There is no spec ' + S.id + ' in this report.')); return; }
  const r = s.results.find(x => String(x.i) === S.r) || s.results[0];
  const ids = order.includes(s.id) ? order : [...specs.keys()], at = ids.indexOf(s.id);
  const go = d => { const next = specs.get(ids[at + d]); return next && specLink(next.results.find(x => x.verdict === worst(next.results.map(y => y.verdict)))); };
  const step = (d, label) => go(d) && h('a', { href: go(d), id: d < 0 ? 'prev' : 'next' }, label);
  main.append(h('div', { class: 'pager' }, h('a', { href: link({ ...filters(), view: 'specs' }), id: 'back' }, '← All specs'), h('span', { class: 'gap' }), step(-1, '‹ previous'), step(1, 'next ›')),
    h('h1', {}, s.id + ' ', h('span', { style: { 'font-weight': 450 } }, s.text)),
    h('div', { class: 'meta' }, h('span', {}, 'MQTT ' + mqtt(r.s.v)), h('span', {}, s.sec), h('span', {}, D.targets[r.t].name), variant(r) && h('span', {}, 'variant ' + variant(r))));
  if (s.results.length > 1) main.append(h('div', { class: 'row chips controls' }, s.results.map(x =>
    h('a', { class: 'chip', href: specLink(x), 'aria-current': x === r && 'true', style: x === r ? { 'border-color': 'currentColor', 'box-shadow': '0 0 0 1px currentColor' } : {} }, h('b', { class: cls(x.verdict) }, mark(x.verdict)), place(x)))));
  main.append(h('div', { class: 'panel v ' + cls(r.verdict) }, h('span', { class: 'verdict' }, mark(r.verdict) + ' ' + r.verdict),
    r.reason && h('span', {}, ' — ' + r.reason), r.blockedBy && h('div', {}, 'Blocked by ', statements.has(r.blockedBy) ? statementRef(r.blockedBy) : r.blockedBy),
    r.course && h('div', {}, 'Its repeats came to different verdicts: ' + r.course + '. What is shown is the worst of them.'),
    r.own && h('div', {}, 'This is a defect of mqttspec itself and says nothing about the target.'), command(r.rerun)));
  const claims = [...(r.req || []), ...(r.warn || [])], seen = new Set(claims.map(q => q.id));
  claims.push(...r.s.claims.filter(id => !seen.has(id)).map(id => ({ id, verdict: 'not exercised' })));
  claims.sort((a, b) => ORDER.indexOf(a.verdict) - ORDER.indexOf(b.verdict));
  main.append(h('h2', {}, 'Statements that it checks'), table(['', 'Statement', 'Looked at', 'Expected', 'Observed'], claims.map(q => {
    const st = statements.get(q.id);
    return h('tr', {}, h('td', {}, badge(q.verdict)), h('td', {}, q.id ? statementRef(q.id) : h('span', { class: 'muted' }, 'an expectation beyond the standard'), st && h('span', { class: 'why' }, st.level + ' · ' + st.text)),
      h('td', { 'data-l': 'looked at:' }, q.text), h('td', { 'data-l': 'expected:' }, q.expected !== q.text && q.expected), h('td', { 'data-l': 'observed:' }, q.observed));
  }), 'stack'));
  if (r.find) main.append(h('h2', {}, 'Found by monitors on this traffic'), table(['', 'Statement', 'Connection', 'Finding', ''], r.find.map(f => h('tr', {}, h('td', {}, badge(f.verdict)), h('td', {}, statementRef(f.id)), h('td', { class: 'mono' }, f.conn), h('td', {}, f.text + (f.times > 1 ? ` (${f.times} times)` : '')),
    h('td', { class: 'nowrap' }, h('a', { href: specLink(r, f.seq) }, 'event ' + f.seq)))), 'stack'));
  if (r.series) main.append(h('h2', {}, 'Measured'), ...r.series.map(plot));
  const slot = h('div', {});
  main.append(h('h2', {}, 'What happened'), slot);
  const dl = [['Source', r.s.source && h('span', { class: 'mono' }, r.s.source)],
    ['Took', r.dur && seconds(r.dur) + (r.s.wait ? ', of which the standard’s own waits may be ' + seconds(r.s.wait) : '') + (r.jitter ? '; our own timers were late by at most ' + seconds(r.jitter) : '') + (r.stall ? '; the target stood still for ' + seconds(r.stall) : '')],
    ['Placement', r.s.placement], ['Needs', (r.s.needs || []).join(', ')], ['Faults that fired', (r.faults || []).join(' · ')],
    ['Faults that did not fire', r.unfired && h('span', { class: 'v-inconclusive' }, r.unfired.join(' · '))],
    ['Attempts', r.attempts && h('span', {}, r.attempts.map(a => h('span', { class: cls(a.verdict), title: a.reason }, mark(a.verdict) + ' ' + a.verdict + '  ')))],
    ...(r.beh || []).map(b => [b.key, b.value])];
  main.append(h('h2', {}, 'Facts'), h('dl', { class: 'kv panel' }, dl.filter(([, v]) => v).map(([k, v]) => [h('dt', {}, k), h('dd', {}, v)])));
  if (r.log) main.append(h('h2', {}, 'The end of the target’s log'), h('pre', {}, r.log));
  if (!traces) { slot.append(empty('…')); traces = await unpack('traces'); }
  const { node, rowOf } = timeline(traces[r.i], r), row = S.e && rowOf.get(Number(S.e));
  slot.replaceChildren(node);
  if (row) { row.click(); row.scrollIntoView({ block: 'center' }); }
}

// ---- statements
function statementsView() {
  const kinds = { broken: s => !quiet(s.verdict), kept: s => s.verdict === 'pass', 'not exercised': s => s.observable && s.verdict === 'not exercised', 'nothing checks it': s => s.observable && !s.specs && !s.monitored, 'not observable': s => !s.observable };
  const list = D.statements.filter(s => (!S.mqtt || mqtt(s.v) === S.mqtt) && (!S.level || s.level === S.level) && (!S.st || s.id === S.st) && (!S.v || !kinds[S.v] || kinds[S.v](s)) &&
    S.q.toLowerCase().split(/\s+/).every(w => (s.id + ' ' + s.text + ' ' + s.title).toLowerCase().includes(w)));
  main.append(h('h1', {}, 'Statements of the standard'), h('p', { class: 'muted' }, 'A statement is kept if a check that could have failed passed and none failed. What no check of this run reached is not exercised, and does not count as kept. The numbers: known › observable › exercised › kept.'),
    h('div', { class: 'row' }, D.targets.map(t => h('div', {}, !one && h('b', { class: 'mono' }, t.name), t.coverage.map(coverage)))),
    h('div', { class: 'row controls' }, search('Search statements   /'), choices('Show', 'v', Object.keys(kinds).map(k => [k, k + ' ' + D.statements.filter(kinds[k]).length])),
      choices('MQTT', 'mqtt', D.versions.map(v => [mqtt(v), mqtt(v)])), (filtered() || S.st) && h('a', { href: link({ view: 'statements' }) }, 'show all')));
  if (!list.length) { main.append(empty('No statement matches.')); return; }
  let section = '';
  const rows = list.flatMap(s => {
    const name = 'MQTT ' + mqtt(s.v) + ' · ' + s.title, head = name !== section && h('tr', { class: 'sec' }, h('td', { colspan: 4 + D.targets.length, style: { padding: '5px 12px', 'font-weight': 600 } }, name));
    section = name;
    return [head, h('tr', {}, D.targets.map((t, i) => { const on = s.on.find(o => o[0] === i), v = on ? on[1] : 'not exercised'; return h('td', { class: 'c ' + cls(v) }, h('span', { title: t.name + ': ' + v + (on ? `, ${on[2]} checks by specs, ${on[3]} events judged by monitors` : '') }, mark(v), h('span', { class: 'vh' }, v))); }),
      h('td', { class: 'id' }, h('a', { href: s.url, rel: 'noreferrer', title: 'in the OASIS text' }, bare(s.id))), h('td', { class: 'mono muted nowrap' }, s.level), h('td', { class: 'text' }, s.text),
      h('td', { class: 'by' }, s.monitored && pill('monitor', 'judged on all traffic'), ' ', (s.specs || []).map(id => [specs.has(id) ? h('a', { class: 'id', href: specLink(specs.get(id).results.find(r => r.s.v === s.v) || specs.get(id).results[0]) }, id) : id, ' ']),
        !s.specs && !s.monitored && h('span', { class: 'muted' }, s.observable ? 'nothing in this run checks this' : 'not observable: ' + s.why)))];
  });
  main.append(table([...D.targets.map(t => h('th', { class: 'c' + (one ? '' : ' up'), scope: 'col' }, h('span', { title: t.name }, one ? '' : brief(t.name)))), 'Statement', 'Level', 'What it demands', 'Checked by'], rows));
}

// ---- findings, behaviours, run
function findingsView() {
  main.append(h('h1', {}, 'Found by monitors'), h('p', { class: 'muted' }, 'Monitors judge every packet that the target sent, whatever the spec was about. A violation counts once for each connection.'));
  const groups = new Map();
  for (const r of D.results) for (const f of r.find || []) groups.set(f.id, [...(groups.get(f.id) || []), [r, f]]);
  if (!groups.size) { main.append(empty('The monitors found nothing wrong.')); return; }
  const all = [...groups].map(([id, places]) => ({ id, places, v: worst(places.map(([, f]) => f.verdict)), on: [...new Set(places.map(([r]) => r.t))] }));
  for (const x of all.sort((a, b) => ORDER.indexOf(a.v) - ORDER.indexOf(b.v) || b.places.length - a.places.length)) {
    const st = statements.get(x.id), n = x.places.length;
    main.append(h('details', { class: 'panel', open: all.length < 8 }, h('summary', {}, badge(x.v), ' ', statementRef(x.id), ' ', st && st.text,
      h('span', { class: 'muted' }, ` · ${n} connection${n > 1 ? 's' : ''}` + (one ? '' : ' · ' + x.on.slice(0, 3).map(t => D.targets[t].name).join(', ') + (x.on.length > 3 ? ` and ${x.on.length - 3} more` : '')))),
      h('table', {}, h('tbody', {}, x.places.slice(0, 50).map(([r, f]) => h('tr', {}, h('td', { class: 'id' }, h('a', { href: specLink(r, f.seq) }, r.s.id)), h('td', { class: 'muted nowrap' }, place(r)),
        h('td', { class: 'mono' }, f.conn), h('td', { class: 'text' }, f.text + (f.times > 1 ? ` (${f.times} times)` : '')))))),
      n > 50 && h('p', { class: 'muted' }, `… and ${n - 50} more, in result.json`)));
  }
}
function behavioursView() {
  main.append(h('h1', {}, 'Behaviours'), h('p', { class: 'muted' }, 'Choices that the standard leaves to the implementer: recorded, never counted against a target.'));
  const rows = new Map();
  for (const r of D.results) for (const b of r.beh || []) {
    const key = r.s.id + ' ' + b.key + ' ' + r.s.v;
    if (!rows.has(key)) rows.set(key, { r, key: b.key, at: D.targets.map(() => []) });
    const cell = rows.get(key).at[r.t];
    if (!cell.includes(b.value)) cell.push(b.value);
  }
  main.append(rows.size ? table(['Spec', 'MQTT', 'What', ...D.targets.map(t => t.name)], [...rows.values()].map(x => h('tr', {}, h('td', { class: 'id' }, h('a', { href: specLink(x.r) }, x.r.s.id)), h('td', { class: 'muted' }, mqtt(x.r.s.v)), h('td', {}, x.key), x.at.map(v => h('td', { class: 'mono' }, v.join(' / '))))))
    : empty('No spec of this run recorded a behaviour.'));
}
function runView() {
  const r = D.run;
  main.append(h('h1', {}, 'Run'), h('dl', { class: 'kv panel' }, [['Run again', command(r.command)], ['Started', r.start], ['Took', r.duration], ['Seed', r.seed], ['Bodies at once', r.parallel], ['Worst delay of our own timers', r.jitter], ['Standstill', (r.stalls || []).join(' · ')], ['mqttspec', r.tool], ['Complete', r.complete ? 'yes' : 'no: ' + (r.reason || '')]]
    .filter(([, v]) => v).map(([k, v]) => [h('dt', {}, k), h('dd', {}, v)])));
  const all = D.targets.flatMap(t => t.variants.map(v => ({ ...v, label: t.name + (variant(v) && ' · ' + variant(v)) }))).filter(v => !variant(v) || v.software || v.error || Object.keys({ ...v.observed, ...v.declared }).length); // others were started and not asked
  const facts = [['Software', v => v.software], ['Version', v => v.version], ['Image', v => v.image], ['Digest', v => v.digest], ['Error', v => v.error]].filter(([, f]) => all.some(f));
  const keys = [...new Set(all.flatMap(v => [...Object.keys(v.observed || {}), ...Object.keys(v.declared || {})]))].sort();
  main.append(h('h2', {}, 'Targets and their capabilities, as observed'), table(['', ...all.map(v => v.label)], [
    ...facts.map(([name, f]) => h('tr', {}, h('td', { class: 'muted' }, name), all.map(v => h('td', { class: 'fact' }, f(v))))),
    ...keys.map(k => h('tr', {}, h('td', { class: 'nowrap' }, k), all.map(v => {
      const seen = (v.observed || {})[k], said = (v.declared || {})[k];
      return h('td', { class: 'mono' }, seen ?? h('span', { class: 'muted' }, 'not observed'), said != null && said !== seen && h('span', { class: 'why v-warning' }, '▲ declared: ' + said));
    })))]));
}

// ---- frame
const VIEWS = { specs: ['Specs', specsView], statements: ['Statements', statementsView], findings: ['Findings', findingsView, () => D.results.reduce((n, r) => n + (r.find || []).length, 0)], behaviours: ['Behaviours', behavioursView], run: ['Run', runView], spec: [null, specView] };
function render(focusSection) {
  const typing = document.activeElement && document.activeElement.id === 'q', caret = typing && document.activeElement.selectionStart;
  const pressed = document.activeElement && document.activeElement.classList.contains('chip') ? document.activeElement.textContent : null;
  main.replaceChildren();
  if (!Object.hasOwn(VIEWS, S.view)) S.view = 'specs'; // whatever the address says
  const [, draw] = VIEWS[S.view];
  $('nav').replaceChildren(...Object.entries(VIEWS).filter(([, v]) => v[0]).map(([k, v]) => h('a', { href: link({ view: k }), 'aria-current': (k === S.view || k === 'specs' && S.view === 'spec') && 'page' }, v[0], v[2] && v[2]() ? h('small', {}, v[2]()) : null)));
  draw();
  if (S.view === 'specs') order = listed().map(a => a.textContent);
  if (typing) { const q = $('q'); if (q) { q.focus(); q.setSelectionRange(caret, caret); } }
  if (pressed) [...document.querySelectorAll('.chip')].find(c => c.textContent === pressed)?.focus();
  if (focusSection) document.querySelector(`[data-sec="${CSS.escape(focusSection)}"]`)?.focus();
}
addEventListener('hashchange', () => { const was = S; readHash(); render(); if (was.view !== S.view || was.id !== S.id) { scrollTo(0, 0); main.focus({ preventScroll: true }); } });
addEventListener('keydown', e => {
  if (e.ctrlKey || e.metaKey || e.altKey) return;
  const typing = /INPUT|SELECT|TEXTAREA/.test(e.target.tagName);
  if (e.key === 'Escape') { if (typing) e.target.blur(); else $('back')?.click(); return; }
  if (typing) return;
  if (e.key === '/') { const q = $('q'); if (q) { e.preventDefault(); q.focus(); } }
  if (e.key === 'ArrowLeft') $('prev')?.click();
  if (e.key === 'ArrowRight') $('next')?.click();
  if (e.key === 'j' || e.key === 'k') {
    const rows = listed(), at = rows.indexOf(document.activeElement);
    (rows[at + (e.key === 'j' ? 1 : -1)] || rows[e.key === 'j' ? 0 : rows.length - 1])?.focus();
  }
});
addEventListener('beforeprint', () => document.querySelectorAll('details').forEach(d => { d.open = true; }));
const root = document.documentElement;
try { root.dataset.theme = localStorage.getItem('mqttspec-theme') || ''; } catch {}
$('theme').addEventListener('click', () => {
  const dark = root.dataset.theme ? root.dataset.theme === 'dark' : matchMedia('(prefers-color-scheme:dark)').matches;
  root.dataset.theme = dark ? 'light' : 'dark';
  try { localStorage.setItem('mqttspec-theme', root.dataset.theme); } catch {}
});
readHash();
render();
}
start();
