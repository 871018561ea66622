'use strict';
// How anything gets into the page: elements made by h and g, with all text as text nodes that show() made visible.
const KNOWN = {
  'fail': ['✗', 'fail'], 'unexpected pass': ['!', 'fresh'], 'inconclusive': ['?', 'inconclusive'], 'known failure': ['⊗', 'known'],
  'warning': ['▲', 'warning'], 'pass': ['✓', 'pass'], 'behaviour': ['◆', 'behaviour'], 'skip': ['–', 'skip'], 'not exercised': ['·', 'none'],
};
const ORDER = Object.keys(KNOWN);
const mark = v => (KNOWN[v] || ['·'])[0], cls = v => 'v-' + (KNOWN[v] || ['', 'none'])[1];
const quiet = v => v === 'pass' || v === 'behaviour' || v === 'skip' || v === 'not exercised';
const worst = list => list.reduce((a, b) => ORDER.indexOf(b) < ORDER.indexOf(a) ? b : a, 'not exercised');

// show writes control, bidirectional and zero-width characters as escapes, so that text cannot disguise itself.
const show = s => String(s).replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\uffff\ue000-\uf8ff]/g,
  c => '\\u{' + c.charCodeAt(0).toString(16) + '}');

const SVG = 'http://www.w3.org/2000/svg';
function fill(e, attrs, kids) {
  for (const [k, v] of Object.entries(attrs || {})) {
    if (v === false || v == null) continue;
    if (k.startsWith('on')) e.addEventListener(k.slice(2), v);
    else if (k === 'style') for (const [p, x] of Object.entries(v)) e.style.setProperty(p, x);
    else e.setAttribute(k, v === true ? '' : show(v));
  }
  for (const kid of kids.flat(Infinity)) {
    if (kid === false || kid == null || kid === '') continue;
    e.append(kid instanceof Node ? kid : document.createTextNode(show(kid)));
  }
  return e;
}
const h = (tag, attrs, ...kids) => fill(document.createElement(tag), attrs, kids);
const g = (tag, attrs, ...kids) => fill(document.createElementNS(SVG, tag), attrs, kids);
const $ = id => document.getElementById(id);
const mqtt = v => v === 5 ? '5.0' : v === 4 ? '3.1.1' : 'level ' + v;
const bare = id => id.replace(/^v\d+:/, '');
const empty = text => h('div', { class: 'empty' }, text);
