// How the element looks. Colours come from custom properties of the page; sizes are relative to the page's text. Logical properties alone,
// so that right-to-left pages need nothing more.

const light = { bg: '#f7f6f3', surface: '#ffffff', text: '#1d1f22', muted: '#5c626a', line: '#d9d7d0', accent: '#1f6f5c', 'on-accent': '#ffffff', danger: '#a4302a', focus: '#1a6ad4' };
const dark: typeof light = { bg: '#16181b', surface: '#1f2226', text: '#eceef0', muted: '#a3abb5', line: '#353a41', accent: '#6cc5ab', 'on-accent': '#0d2019', danger: '#f09a92', focus: '#8ab8ff' };
const names = Object.keys(light) as (keyof typeof light)[];
const colours = (value: (name: keyof typeof light) => string): string => names.map((n) => `--${n}:var(--galago-${n},${value(n)})`).join(';');

// Without light-dark() the colours follow the system, as those browsers' pages do.
const theme = `:host{${colours((n) => light[n])}}
@media (prefers-color-scheme:dark){:host{${colours((n) => dark[n])}}}
@supports (color:light-dark(#000,#fff)){:host{${colours((n) => `light-dark(${light[n]},${dark[n]})`)}}}`;

const base = `
:host{display:block;color-scheme:inherit;color:var(--text);font:400 1rem/1.55 var(--galago-font,system-ui,sans-serif);--radius:var(--galago-radius,12px);--gap:var(--galago-gap,16px);--target:40px;text-align:start;-webkit-text-size-adjust:100%}
:host([hidden]){display:none}
:host([disabled]) .frame{opacity:.55}
@media (pointer:coarse){:host{--target:44px}}
*,*::before,*::after{box-sizing:border-box}
[hidden]{display:none!important}
h2,p,ul,dl,dd{margin:0;padding:0}
ul{list-style:none}
.unseen{position:absolute;inline-size:1px;block-size:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap;border:0;padding:0;margin:-1px}
.frame{position:relative;display:flex;flex-direction:column;gap:var(--gap);inline-size:100%;block-size:100%;min-block-size:inherit;max-block-size:inherit;container-type:inline-size}
.icon{inline-size:1.25em;block-size:1.25em;flex:none;fill:none;stroke:currentColor;stroke-width:1.8;stroke-linecap:round;stroke-linejoin:round}
.row{display:flex;flex-wrap:wrap;gap:8px;align-items:center}
.row.end{justify-content:flex-end}
.row.middle{justify-content:center}
.note,.detail,.muted{color:var(--muted)}
.note,.detail,.figures{font-size:.875rem}
:focus-visible{outline:2px solid var(--focus);outline-offset:2px}`;

const controls = `
button,summary{font:inherit;color:inherit}
button{display:inline-flex;align-items:center;justify-content:center;gap:.45em;min-block-size:var(--target);padding-inline:1em;border:1px solid var(--line);border-radius:999px;background:var(--surface);font-weight:500;line-height:1.2;cursor:pointer;transition:background-color .12s,border-color .12s}
button:hover{border-color:var(--muted)}
button:active{background:var(--bg)}
button.primary{background:var(--accent);border-color:var(--accent);color:var(--on-accent)}
button.primary:hover{filter:brightness(1.07)}
button.quiet{background:none;border-color:transparent;color:var(--muted)}
button.quiet:hover,button.bare:hover{color:var(--text);background:color-mix(in srgb,var(--text) 7%,transparent)}
button.bare{inline-size:var(--target);padding:0;border-color:transparent;background:none;color:var(--muted);flex:none}
button.small{font-size:.875rem;padding-inline:.7em;min-block-size:36px}
button.bare.small{inline-size:36px;padding:0}
@media (pointer:coarse){button.small{min-block-size:44px}button.bare.small{inline-size:44px}}
button:disabled,button[aria-disabled=true]{opacity:.5;cursor:default;filter:none}
.words:empty{display:none}
textarea{font:inherit;color:inherit;inline-size:100%;min-block-size:var(--target);max-block-size:14rem;padding:.5em .75em;border:1px solid var(--line);border-radius:var(--radius);background:var(--bg);resize:none;overflow-y:auto;line-height:1.45}
textarea::placeholder{color:var(--muted);opacity:1;white-space:nowrap;overflow:hidden;text-overflow:ellipsis}
progress{appearance:none;inline-size:100%;block-size:6px;border:0;border-radius:3px;overflow:hidden;background:var(--line);accent-color:var(--accent)}
progress::-webkit-progress-bar{background:var(--line)}
progress::-webkit-progress-value{background:var(--accent);border-radius:3px;transition:inline-size .2s}
progress::-moz-progress-bar{background:var(--accent);border-radius:3px}
details.menu{position:relative}
summary{cursor:pointer}
details.menu>summary{list-style:none;display:inline-flex;align-items:center;gap:.45em;min-block-size:36px;padding-inline:.7em;border-radius:999px;color:var(--muted);font-size:.875rem;font-weight:500}
details.menu>summary::-webkit-details-marker{display:none}
details.menu>summary:hover{color:var(--text);background:color-mix(in srgb,var(--text) 7%,transparent)}
@media (pointer:coarse){details.menu>summary{min-block-size:44px}}
.sheet{position:absolute;z-index:3;inset-block-start:calc(100% + 4px);inset-inline-end:0;display:grid;min-inline-size:11rem;padding:6px;border:1px solid var(--line);border-radius:var(--radius);background:var(--surface);box-shadow:0 8px 28px rgb(0 0 0/.16)}
.sheet button{border-radius:calc(var(--radius) - 5px);border-color:transparent;background:none;justify-content:flex-start;font-weight:400}
.sheet button:hover{background:color-mix(in srgb,var(--text) 7%,transparent)}`;

const top = `
.head{display:flex;flex-wrap:wrap;align-items:center;gap:8px 16px;justify-content:space-between;min-block-size:36px}
.model{display:flex;flex-wrap:wrap;align-items:center;gap:4px 12px;font-size:.875rem;color:var(--muted);flex:1 1 9rem;min-inline-size:0}
.model.wide{flex-basis:100%}
.model .bar{flex:1 1 8rem;display:grid;gap:6px}
.model .bar p{display:flex;flex-wrap:wrap;justify-content:space-between;gap:0 12px;font-variant-numeric:tabular-nums}
.model .failure{flex:1 1 100%}
.tools-all{display:flex;align-items:center;gap:4px;margin-inline-start:auto}
.undo{display:flex;flex-wrap:wrap;align-items:center;justify-content:center;gap:4px 8px;color:var(--muted)}
.start{display:grid;gap:calc(var(--gap)*1.5);justify-items:center;align-content:center;flex:1 0 auto;min-block-size:min(27rem,64vh);padding:calc(var(--gap)*2) var(--gap);border:2px dashed var(--line);border-radius:calc(var(--radius)*1.5);background:var(--surface);text-align:center}
.start h2{font-size:clamp(1.25rem,4cqi,1.6rem);line-height:1.25;font-weight:600;text-wrap:balance}
.start .big{inline-size:3.25rem;block-size:3.25rem;padding:.75rem;border-radius:50%;background:color-mix(in srgb,var(--accent) 13%,transparent);color:var(--accent)}
.start .say{display:grid;gap:8px;justify-items:center}
.samples{display:grid;gap:10px;justify-items:center;color:var(--muted);font-size:.875rem}
.samples button{padding:0;inline-size:clamp(44px,17cqi,76px);block-size:auto;aspect-ratio:1;border-radius:var(--radius);overflow:hidden}
.samples img{inline-size:100%;block-size:100%;object-fit:cover;display:block}
.over::after{content:attr(data-drop);position:absolute;inset:0;z-index:5;display:grid;place-items:center;border:2px dashed var(--accent);border-radius:calc(var(--radius)*1.5);background:color-mix(in srgb,var(--surface) 88%,transparent);color:var(--accent);font-size:1.25rem;font-weight:600;pointer-events:none}`;

const talk = `
.log{display:flex;flex-direction:column;gap:calc(var(--gap)*2);flex:1 1 auto;min-block-size:0;overflow-y:auto;overscroll-behavior:contain;padding-block:4px;padding-inline:4px;margin-inline:-4px}
.turn{display:grid;gap:calc(var(--gap)*.75)}
.said{display:grid;gap:8px;justify-items:end}
.thumbs{display:flex;flex-wrap:wrap;gap:8px;justify-content:flex-end}
.thumbs .thumb{display:block;block-size:auto;inline-size:auto;max-block-size:11rem;max-inline-size:min(100%,20rem);border-radius:var(--radius);border:1px solid var(--line);background:var(--bg)}
.thumbs li:not(:only-child) .thumb{block-size:6.5rem;max-inline-size:10rem;object-fit:cover}
.bubble{display:flex;flex-direction:row-reverse;align-items:center;gap:2px;max-inline-size:min(100%,36rem)}
.question{padding:.55em 1em;border-radius:1.2em;border-end-end-radius:.35em;background:color-mix(in srgb,var(--accent) 13%,var(--surface));white-space:pre-wrap;overflow-wrap:anywhere;min-inline-size:0}
.editor{inline-size:min(100%,36rem);display:grid;gap:8px;padding:12px;border:1px solid var(--line);border-radius:var(--radius);background:var(--surface)}
.reply{display:grid;gap:8px;justify-items:start;min-inline-size:0}
.prose{white-space:pre-wrap;overflow-wrap:anywhere;max-inline-size:44rem;inline-size:100%;line-height:1.65;text-wrap:pretty}
.thoughts{inline-size:100%;font-size:.875rem}
.thoughts summary{color:var(--muted);min-block-size:36px;inline-size:fit-content;align-content:center}
.thoughts .prose{padding-inline-start:1em;border-inline-start:2px solid var(--line)}
.stage{display:flex;align-items:center;gap:.7em;color:var(--muted)}
.dots{display:inline-flex;gap:4px}
.dots i{inline-size:6px;block-size:6px;border-radius:50%;background:var(--accent);animation:dot 1.2s infinite ease-in-out}
.dots i:nth-child(2){animation-delay:.15s}
.dots i:nth-child(3){animation-delay:.3s}
@keyframes dot{0%,60%,100%{opacity:.25}30%{opacity:1}}
.failure{inline-size:100%;padding:12px 16px;border:1px solid color-mix(in srgb,var(--danger) 45%,var(--line));border-radius:var(--radius);background:color-mix(in srgb,var(--danger) 7%,var(--surface));overflow-wrap:anywhere}
.failure>p:first-child{color:var(--danger);font-weight:600}
.tools{display:flex;flex-wrap:wrap;gap:4px;margin-inline-start:-4px}
.tools button{padding-inline:.5em}
.figures{color:var(--muted);font-variant-numeric:tabular-nums}
.alts{display:grid;gap:8px;inline-size:min(100%,44rem)}
.alts>div{display:grid;gap:2px;padding:10px 14px;border:1px solid var(--line);border-radius:var(--radius);background:var(--surface)}
.alts dt{color:var(--muted);font-size:.8125rem}
.alts dd{display:flex;flex-wrap:wrap;align-items:center;justify-content:space-between;gap:8px}
.alts dd>:first-child{flex:1 1 14rem;min-inline-size:0;overflow-wrap:anywhere}
code{font:.875rem/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
.end-mark{block-size:1px;margin-block-start:calc(var(--gap)*-2);flex:none}`;

const writing = `
.dock,.composer,.card{display:grid;grid-template-columns:minmax(0,1fr);gap:12px;flex:none}
.talking .dock{position:sticky;inset-block-end:var(--galago-bottom,0px);z-index:2;padding-block:8px calc(8px + env(safe-area-inset-bottom,0px));margin-block-end:-8px;background:var(--bg);box-shadow:0 -10px 14px -6px var(--bg)}
.card{padding:12px;border:1px solid var(--line);border-radius:calc(var(--radius)*1.5);background:var(--surface);box-shadow:0 1px 3px rgb(0 0 0/.05)}
.strip{display:flex;flex-wrap:wrap;gap:12px}
.strip li{position:relative;display:grid;gap:4px;min-inline-size:0;max-inline-size:100%;inline-size:7.5rem}
.strip .thumb{inline-size:100%;block-size:6rem;object-fit:cover;border-radius:var(--radius);border:1px solid var(--line);background:var(--bg);display:block}
.strip .name,.strip .facts{font-size:.8125rem;line-height:1.35;overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.strip .facts{color:var(--muted);font-variant-numeric:tabular-nums}
.strip .bare{position:absolute;inset-block-start:4px;inset-inline-end:4px;inline-size:32px;min-block-size:32px;background:color-mix(in srgb,var(--surface) 90%,transparent);color:var(--text);border-color:var(--line)}
@media (pointer:coarse){.strip .bare{inline-size:44px;min-block-size:44px}}
.frame:not(.talking) .strip li:only-child{inline-size:auto;margin-inline:auto}
.frame:not(.talking) .strip li:only-child .thumb{inline-size:auto;max-inline-size:100%;block-size:auto;min-inline-size:8rem;max-block-size:min(22rem,42vh);object-fit:contain}
.frame:not(.talking) .strip li:only-child :is(.name,.facts){text-align:center;white-space:normal;overflow-wrap:anywhere}
.actions{display:flex;flex-wrap:wrap;gap:8px}
.actions button{color:var(--accent)}
.frame:not(.talking) .actions{justify-content:center}
.write{display:flex;align-items:flex-end;gap:8px}
.write textarea{flex:1 1 auto;inline-size:auto;min-inline-size:0}
.talking .strip{flex-wrap:nowrap;overflow-x:auto;padding:4px;margin:-4px;scrollbar-width:thin}
.talking .strip li{flex:none}
@container (max-width:29.99rem){.write{gap:4px}.actions{gap:6px}.actions button{font-size:.875rem;padding-inline:.8em}.write .primary,.write .halt{inline-size:var(--target);padding:0;flex:none;margin-inline-start:4px}.write .primary .words,.write .halt .words{position:absolute;inline-size:1px;block-size:1px;overflow:hidden;clip-path:inset(50%)}.talking .strip .thumb{block-size:4.5rem}.talking .strip .facts{display:none}.card{padding:10px}}
.chips{display:flex;flex-wrap:wrap;gap:8px;justify-content:center}
.chips button{font-weight:400;font-size:.9375rem;background:none}
.problems{display:grid;gap:8px}
.problems:empty{display:none}
.problem{display:flex;align-items:center;justify-content:space-between;gap:8px;padding-block:6px;padding-inline:16px 6px;border:1px solid color-mix(in srgb,var(--danger) 45%,var(--line));border-radius:var(--radius);background:color-mix(in srgb,var(--danger) 7%,var(--surface));overflow-wrap:anywhere}
.problem p{color:var(--danger)}
dialog{inline-size:min(44rem,calc(100vw - 32px));max-block-size:calc(100dvh - 32px);padding:20px;border:1px solid var(--line);border-radius:calc(var(--radius)*1.5);background:var(--surface);color:var(--text)}
dialog[open]{display:grid;gap:var(--gap)}
dialog::backdrop{background:rgb(0 0 0/.5)}
dialog h2{font-size:1.2rem;line-height:1.3;font-weight:600}
video{inline-size:100%;max-block-size:60vh;background:#000;border-radius:var(--radius);object-fit:contain}
@media (prefers-reduced-motion:reduce){*,*::before{animation:none!important;transition:none!important}}
@media (forced-colors:active){button,.question,.start,.card,.thumb{border:1px solid ButtonBorder;forced-color-adjust:auto}.dots i{background:CanvasText}button.primary{forced-color-adjust:none;border-color:ButtonText;background:ButtonText;color:ButtonFace}button:disabled,button[aria-disabled=true]{opacity:1;color:GrayText}progress{border:1px solid CanvasText}progress::-webkit-progress-value{background:Highlight}progress::-moz-progress-bar{background:Highlight}}`;

let made: CSSStyleSheet | null = null;
/** One sheet for all elements of the page. */
export function styles(): CSSStyleSheet {
  if (!made) {
    made = new CSSStyleSheet();
    made.replaceSync(theme + base + controls + top + talk + writing);
  }
  return made;
}
