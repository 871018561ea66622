// A plot of one series: a stem for each point, the band that is expected, both axes; and the same in a table.
function plot(s) {
  const W = 720, H = 240, L = 52, R = 16, T = 14, B = 40, points = s.points || [];
  const number = x => Math.abs(x) >= 100 ? x.toFixed(0) : Math.abs(x) >= 10 ? x.toFixed(1) : x.toFixed(2);
  const unit = x => x.unit ? ` (${x.unit})` : '';
  const nice = top => { // a step that makes four to eight parts
    const rough = (top || 1) / 6, ten = 10 ** Math.floor(Math.log10(rough));
    return [1, 2, 5, 10].map(m => m * ten).find(d => d >= rough);
  };
  const axis = (values, from, to) => {
    const step = nice(Math.max(...values)), top = Math.max(step, Math.ceil(Math.max(...values) / step - 1e-9) * step), ticks = [];
    for (let i = 0; i * step <= top + step / 1e6; i++) ticks.push(i * step);
    return { ticks, at: v => from + (to - from) * v / top };
  };
  const banded = points.filter(p => p.low != null && p.high != null);
  const highest = Math.max(0, ...points.map(p => p.y));
  const x = axis([0, ...points.map(p => p.x)], L + 10, W - R), y = axis([highest, ...banded.map(p => Math.min(p.high, 1.5 * highest))], H - B, T);
  const within = v => Math.max(T, Math.min(H - B, y.at(v)));
  const tick = v => String(+v.toFixed(6));
  const edge = [...banded.map(p => `${x.at(p.x)},${within(p.high)}`), ...banded.toReversed().map(p => `${x.at(p.x)},${within(p.low)}`)].join(' ');
  const svg = g('svg', { class: 'plot', viewBox: `0 0 ${W} ${H}`, role: 'img', 'aria-label': s.name + '. ' + (s.text || '') },
    y.ticks.map(v => [g('line', { class: 'grid', x1: L, x2: W - R, y1: y.at(v), y2: y.at(v) }), g('text', { x: L - 8, y: y.at(v) + 4, 'text-anchor': 'end' }, tick(v))]),
    x.ticks.map(v => g('text', { x: x.at(v), y: H - B + 17, 'text-anchor': 'middle' }, tick(v))),
    g('text', { class: 'name', x: (L + W - R) / 2, y: H - 5, 'text-anchor': 'middle' }, s.x.name + unit(s.x)),
    g('text', { class: 'name', x: -(T + H - B) / 2, y: 12, 'text-anchor': 'middle', transform: 'rotate(-90)' }, s.y.name + unit(s.y)),
    edge && g('polygon', { class: 'band', points: edge }),
    points.map((p, i) => [g('line', { class: 'stem', x1: x.at(p.x), x2: x.at(p.x), y1: H - B, y2: y.at(p.y) }),
      g('circle', { class: p.low != null && (p.y < p.low || p.y > p.high) ? 'out' : 'in', cx: x.at(p.x), cy: y.at(p.y), r: 4 },
        g('title', {}, `${i + 1}: ${s.y.name} ${number(p.y)} ${s.y.unit || ''}, at ${number(p.x)} ${s.x.unit || ''}`))]),
    g('line', { class: 'axis', x1: L, x2: W - R, y1: H - B, y2: H - B }));
  return h('figure', { class: 'panel' }, h('figcaption', {}, h('b', {}, s.name), banded.length > 0 && h('span', { class: 'muted' }, h('i', { class: 'swatch' }), s.band)),
    svg, s.text && h('p', { class: 'muted' }, s.text),
    h('details', {}, h('summary', {}, 'The numbers'), h('table', { class: 'numbers' }, h('thead', {}, h('tr', {}, ['', s.x.name + unit(s.x), s.y.name + unit(s.y), banded.length > 0 ? 'expected' : null].map((t, i) => t != null && h('th', { class: i ? 'n' : false, scope: 'col' }, t)))),
      h('tbody', {}, points.map((p, i) => h('tr', {}, h('td', {}, i + 1), h('td', { class: 'n' }, number(p.x)), h('td', { class: 'n' }, number(p.y)), banded.length > 0 && h('td', { class: 'n' }, p.low == null ? '' : `${number(p.low)} … ${number(p.high)}`)))))));
}
