"""The one style sheet of every picture: prefix ``bzn``, light and dark, ground and ink always set together."""

from __future__ import annotations

from functools import cache

from blazen_nb.render.graph import HIDE_WIDTHS

INK: dict[str, tuple[str, str]] = {
    "mut": ("#5b6270", "#a2a8b4"),
    "idle": ("#5b6270", "#a2a8b4"),
    "run": ("#2b5fd9", "#8cb0ff"),
    "ok": ("#197a48", "#67c78f"),
    "bad": ("#c22f2a", "#ff8f86"),
    "warn": ("#8a5a00", "#e2b361"),
    "edge": ("#868c98", "#7b818d"),
}
"""Name: (light, dark). All but ``edge`` are text: 4.5 to 1 on the ground and on their own tint."""
TINT: dict[str, tuple[float, float]] = {
    "run": (0.09, 0.13),
    "ok": (0.09, 0.12),
    "bad": (0.07, 0.11),
    "warn": (0.08, 0.12),
    "idle": (0.07, 0.12),
}
"""How much of its colour the ground behind a state takes."""
_SHADE = {"line": (0.11, 0.12), "line2": (0.2, 0.22), "in": (0.03, 0.035), "trk": (0.08, 0.1)}
_GROUND = ("#fff", "#111")
_FORE = ("#1f2328", "#e3e5e8")
_DARK_HOSTS = (
    '[data-jp-theme-light="false"] .bzn',
    ".vscode-dark .bzn",
    "html[theme=dark] .bzn",
    "html[data-theme=dark] .bzn",
)
_DARK_SYSTEM = "body:not([data-jp-theme-light]):not(.vscode-light):not(.vscode-dark) .bzn"

# A live card whose kernel was restarted gets no last picture: JupyterLab hears no kernel while it restarts one. It marks
# the widgets as disconnected, with an icon on each.
# The doubled and element selectors outweigh JupyterLab's own rules for pre, td and svg inside outputs.
_RULES = """
.bzn{box-sizing:border-box;position:relative;max-width:1400px;margin:4px 0;container-type:inline-size;text-align:left;
 font:13px/20px var(--ui);font-variant-numeric:tabular-nums;color:var(--fg)}
.bzn *{box-sizing:border-box}
.bzn-card{border:1px solid var(--line);border-radius:8px;background:var(--bg);overflow:hidden}
.bzn strong,.bzn b{font-weight:600}
.bzn p,.bzn pre,.bzn table,.bzn dl,.bzn dd,.bzn dt{margin:0;padding:0}
.bzn-sep,.bzn tspan.x{display:none}
.bzn-m{color:var(--mut)}
.bzn-run{--c:var(--run);--t:var(--run-t)}.bzn-ok{--c:var(--ok);--t:var(--ok-t)}.bzn-bad{--c:var(--bad);--t:var(--bad-t)}
.bzn-warn{--c:var(--warn);--t:var(--warn-t)}.bzn-idle{--c:var(--idle);--t:var(--idle-t)}

.widget-box.bzn{margin:4px 20px 4px 0;padding:0}
.bzn>.widget-html{display:block;margin:0;width:auto;height:auto;min-height:0;overflow:visible}
.bzn .widget-html-content{display:block;font:13px/20px var(--ui);color:var(--fg)}
.bzn .bzn-btn{position:absolute;top:8px;right:16px;width:auto;min-width:68px;height:28px;margin:0;padding:0 12px;
 border:1px solid var(--line2);border-radius:6px;background:var(--bg);color:var(--fg);font:500 12px/1 var(--ui);cursor:pointer}
.bzn .bzn-btn:hover{background:var(--idle-t)}
.bzn .bzn-btn:focus-visible,.bzn summary:focus-visible{outline:2px solid var(--run);outline-offset:-2px}
.bzn.jupyter-widgets-disconnected .bzn-btn{display:none}
.bzn .jupyter-widgets-disconnected::before{content:none}
.bzn.jupyter-widgets-disconnected::before{content:"The kernel has gone; this is how it was last seen.";align-self:stretch;padding:8px 16px;
 border-bottom:1px solid var(--line);background:var(--warn-t);color:var(--warn);font:12px/16px var(--ui)}
.bzn-of-run.jupyter-widgets-disconnected::before{content:"The kernel has gone; this is how its run was last seen. %blazen_attach shows all of it, while its peer lives."}
.bzn-sr{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}

.bzn svg.bzn-i{flex:none;width:14px;height:14px;max-width:none;vertical-align:-2px;fill:none;stroke:var(--c);stroke-width:1.7;
 stroke-linecap:round;stroke-linejoin:round}
.bzn-i .full{fill:var(--c)}.bzn-i .cut{stroke:var(--bg)}.bzn-i .pale{opacity:.3}
.bzn-spin{transform-origin:8px 8px;animation:bzn-turn 1.2s linear infinite}
@keyframes bzn-turn{to{transform:rotate(360deg)}}
@media(prefers-reduced-motion:reduce){.bzn-spin{animation:none}}

.bzn-h{display:flex;align-items:center;gap:8px;height:44px;padding:0 16px;white-space:nowrap}
.bzn-pill{display:inline-flex;align-items:center;gap:6px;flex:none;height:24px;padding:0 10px 0 7px;margin-right:4px;border-radius:12px;
 background:var(--t);color:var(--c);font-size:12px}
.bzn-name{font-size:14px;font-weight:600;overflow:hidden;text-overflow:ellipsis}
.bzn-h>.bzn-m{overflow:hidden;text-overflow:ellipsis}
.bzn-r{display:flex;flex:none;gap:16px;align-items:center;margin-left:auto;font-weight:500}
.bzn-slot{width:64px}
.bzn-meta{display:flex;flex-wrap:wrap;gap:0 16px;margin-top:-4px;padding:0 16px 12px;color:var(--mut);font-size:12px;line-height:16px}
.bzn-s{padding:12px 16px;border-top:1px solid var(--line)}
.bzn-panes{display:grid;grid-template-columns:repeat(auto-fit,minmax(240px,1fr));gap:1px;border-top:1px solid var(--line);background:var(--line)}
.bzn-pane{min-width:0;padding:12px 16px;background:var(--bg);font-size:12px}
.bzn-pane-h{display:flex;gap:8px;align-items:center;margin-bottom:4px;font-size:13px}
.bzn-pane>p{overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.bzn-pane>.bzn-s{margin:4px -16px;padding:4px 16px;border-top:0}
.bzn-pane .bzn-pg{grid-template-columns:80px minmax(0,1fr) 36px}.bzn-pane .bzn-pg>.r:last-child{display:none}
.bzn-cap{display:flex;gap:8px;margin-bottom:8px;font-size:12px;line-height:16px}
.bzn-cap .bzn-r{font-weight:400;color:var(--mut)}
.bzn-inset{background:var(--in)}
.bzn-note{display:flex;align-items:flex-start;gap:10px;background:var(--t)}
.bzn-note>div{flex:1;min-width:0;overflow-wrap:anywhere}
.bzn.bzn .bzn-note>svg.bzn-i{margin-top:3px}
.bzn .bzn-after{margin-top:8px}
.bzn .bzn-more{margin-top:8px;font-size:12px;line-height:16px}

.bzn details{border-top:1px solid var(--line)}
.bzn summary{display:flex;align-items:center;gap:8px;height:36px;padding:0 16px;font-size:12px;white-space:nowrap;cursor:pointer;list-style:none}
.bzn summary::-webkit-details-marker{display:none}
.bzn summary::before{content:"";flex:none;width:5px;height:5px;margin:0 4px 0 1px;border:solid var(--mut);border-width:1.5px 1.5px 0 0;transform:rotate(45deg)}
.bzn details[open]>summary::before{transform:rotate(135deg)}
.bzn summary b{font-weight:500}
.bzn summary .bzn-m{margin-left:auto;overflow:hidden;text-overflow:ellipsis}
.bzn details>.bzn-s{padding-top:4px;border-top:0}
.bzn-in>.bzn-s{padding:8px 0;border-top:0}

.bzn-g{overflow-x:auto;overflow-y:hidden;text-align:center;line-height:0}
.bzn-g text{font:600 12.5px var(--ui);fill:var(--fg)}
.bzn-g .sub{font-size:11px;font-weight:400;fill:var(--mut)}
.bzn-g .event{font:400 10.5px var(--mono);fill:var(--mut);text-anchor:middle}
.bzn-g .patch,.bzn-g .node,.bzn-g .end{fill:var(--bg)}
.bzn-g .node{stroke:var(--line2)}.bzn-g .node.lit{stroke:var(--c)}.bzn-g .tint{fill:var(--t)}
.bzn-g .wire{fill:none;stroke:var(--edge)}.bzn-g .wire.on{stroke:var(--run)}.bzn-g .wire.back{stroke-dasharray:4 3}
.bzn-g .tip{fill:var(--edge)}.bzn-g .tip.on{fill:var(--run)}
.bzn-g .end{stroke:var(--mut);stroke-width:1.25}.bzn-g .dot{fill:var(--mut)}
.bzn-g .all,.bzn-g .done{fill:none;stroke:var(--trk);stroke-width:2}.bzn-g .done{stroke:var(--c)}

.bzn.bzn table.bzn-t{width:100%;border:0;border-collapse:collapse;table-layout:fixed;font-size:12px;line-height:16px;color:var(--fg)}
.bzn.bzn .bzn-t thead,.bzn.bzn .bzn-t tr:nth-child(n){background:none;border:0}
.bzn.bzn .bzn-t th,.bzn.bzn .bzn-t td{height:28px;max-width:none;padding:0 12px 0 0;border:0;border-bottom:1px solid var(--line);text-align:left;
 vertical-align:middle;font-weight:400;line-height:16px;white-space:nowrap;overflow:hidden;text-overflow:ellipsis}
.bzn.bzn .bzn-t tr:last-child>*{border-bottom:0}
.bzn.bzn .bzn-t thead th{height:24px;border-bottom:0;color:var(--mut);font-size:11px}
.bzn.bzn .bzn-t tbody th{font-weight:500}
.bzn.bzn .bzn-t .sub th{padding-left:20px;font-weight:400;color:var(--mut)}
.bzn.bzn .bzn-t .r{text-align:right}.bzn.bzn .bzn-t .z{color:var(--mut)}
.bzn.bzn .bzn-t .l{padding:0;overflow:visible}.bzn.bzn .bzn-t .s{padding:0 0 0 12px}.bzn.bzn .bzn-t .e{padding:0}
.bzn-state{display:inline-flex;align-items:center;gap:6px;vertical-align:middle;color:var(--c)}
.bzn-ax{display:flex}.bzn-ax span{flex:1;text-align:center}.bzn-ax span::before{content:attr(data-l)}
.bzn-ax span:first-child{text-align:left}.bzn-ax span:last-child{text-align:right}
.bzn svg.bzn-tl{display:block;width:100%;max-width:none;height:27px;background:linear-gradient(90deg,var(--line) 1px,transparent 1px) 0 0/25% 100%}
.bzn-tl path,.bzn-share path{fill:none;stroke:var(--c)}.bzn-tl path{opacity:.85}.bzn-share .rest{stroke:var(--trk)}
.bzn svg.bzn-share{display:block;width:100%;max-width:none;height:6px;border-radius:3px}

.bzn-pg{display:grid;grid-template-columns:128px minmax(0,1fr) 36px 196px;gap:0 12px;align-items:center;font-size:12px}
.bzn-pg>span,.bzn-pg .r span{white-space:nowrap;overflow:hidden;text-overflow:ellipsis}.bzn-pg .r{text-align:right}
.bzn-bar{height:6px;border-radius:3px;background:var(--trk)}
.bzn-bar i{display:block;height:100%;border-radius:3px;background:var(--c)}
.bzn-dv{display:grid;grid-template-columns:repeat(4,minmax(0,1fr));gap:12px 24px}.bzn-dv.few{grid-template-columns:repeat(2,minmax(0,1fr))}
.bzn-dv>div{min-width:0}.bzn-dv .said{display:flex;justify-content:space-between;gap:8px;font-size:12px;line-height:16px;color:var(--mut);white-space:nowrap}
.bzn.bzn .bzn-dv b{font-weight:500;color:var(--fg)}.bzn-dv .said>span{overflow:hidden;text-overflow:ellipsis}.bzn-dv b{flex:none}
.bzn svg.bzn-sp{display:block;width:100%;max-width:none;height:28px;margin-top:4px;border-bottom:1px solid var(--line)}
.bzn-sp path{fill:none;stroke:var(--run);stroke-width:1.5;vector-effect:non-scaling-stroke}.bzn-sp .a{fill:var(--run-t);stroke:none}
.bzn.bzn pre.bzn-log,.bzn.bzn pre.bzn-code{font:12px/18px var(--mono);white-space:pre;overflow-x:auto;overflow-y:hidden;tab-size:4;
 color:var(--fg);background:none;border:0}
.bzn.bzn pre.bzn-log.fix{overflow:hidden}
.bzn .who{color:var(--mut)}.bzn .err{color:var(--warn)}
.bzn.bzn pre.bzn-code{margin:8px 0 0;padding:8px 12px;border:1px solid var(--line);border-radius:6px;background:var(--bg)}
.bzn-code .hit{display:inline-block;min-width:calc(100% + 24px);margin:0 -12px;padding:0 12px;background:var(--bad-t);box-shadow:inset 2px 0 var(--bad)}
.bzn-code .hit b{color:var(--bad)}
.bzn dl.bzn-kv{display:grid;grid-template-columns:max-content minmax(0,1fr);gap:4px 16px;font-size:12px;line-height:20px}
.bzn.bzn .bzn-kv dt{float:none;width:auto;color:var(--mut);font-weight:400;white-space:nowrap}.bzn.bzn .bzn-kv dd{overflow:hidden;text-overflow:ellipsis}
.bzn.bzn code{padding:1px 5px;border-radius:4px;background:var(--idle-t);color:var(--fg);font:12px/18px var(--mono);white-space:nowrap}

@container(max-width:680px){.bzn.bzn .bzn-x{display:none}.bzn-pg{grid-template-columns:116px minmax(0,1fr) 36px 96px}.bzn-ax span:nth-child(2){display:none}}
@container(max-width:760px){.bzn-dv{grid-template-columns:repeat(2,minmax(0,1fr))}}
@media(forced-colors:active){.bzn-bar,.bzn-bar i,.bzn-sp,.bzn-tl,.bzn-share,.bzn-i{forced-color-adjust:none}}
"""


# Only in the live view, and only while something is asked.
_FORM_RULES = """
.bzn-form.widget-box{gap:6px 8px;align-items:flex-start}
.bzn-form>.widget-html{margin:0;height:auto;min-height:0}
.bzn-form>.jupyter-widgets.widget-inline-hbox{margin:0;max-width:100%}
.bzn .bzn-form .widget-label,.bzn .bzn-form .widget-checkbox label{color:var(--fg)}
.bzn .bzn-form input:not([type=checkbox]),.bzn .bzn-form select{border:1px solid var(--edge);border-radius:4px;background-color:var(--bg);color:var(--fg)}
.bzn .bzn-form input[type=checkbox]{accent-color:var(--run)}
.bzn .bzn-form input:focus-visible,.bzn .bzn-form select:focus-visible,.bzn .bzn-form button:focus-visible{outline:2px solid var(--run)!important;outline-offset:1px}
.bzn .bzn-form select{background-image:url("data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 20 20' fill='none' stroke='%23868c98' stroke-width='2'%3E%3Cpath d='m6 8 4 4 4-4'/%3E%3C/svg%3E")}
.bzn .bzn-form button{width:auto;min-width:76px;height:28px;border:0;border-radius:6px;background:var(--run);color:var(--bg);font:500 13px/1 var(--ui)}
.bzn .bzn-form button:disabled{opacity:.6}
.bzn .bzn-wrong{color:var(--bad)}
"""


@cache
def style_tag() -> str:
    """The style sheet as an element: once in a live view, once in each piece of static HTML."""
    fonts = (
        '--ui:var(--jp-ui-font-family,var(--vscode-font-family,system-ui,-apple-system,"Segoe UI",Helvetica,Arial,sans-serif));'
        "--mono:var(--jp-code-font-family,var(--vscode-editor-font-family,ui-monospace,Menlo,Consolas,"
        '"DejaVu Sans Mono",monospace))'
    )
    dark = _tokens(1)
    tokens = (
        f".bzn{{{_tokens(0)};{fonts}}}{','.join(_DARK_HOSTS)}{{{dark}}}"
        f"@media(prefers-color-scheme:dark){{{_DARK_SYSTEM}{{{dark}}}}}"
    )
    hide = "".join(
        f"@container(max-width:{width}px){{.bzn .bzn-x{width}{{display:none}}}}"
        for width in HIDE_WIDTHS
    )
    return f"<style>{tokens}{''.join(_RULES.splitlines())}{hide}</style>"


def form_style_tag() -> str:
    """The style of a question's form as an element; it stands on that of the view around it."""
    return f"<style>{''.join(_FORM_RULES.splitlines())}</style>"


def _tokens(theme: int) -> str:
    """The custom properties of the light (0) or the dark (1) theme."""
    ground = "20,28,46" if theme == 0 else "255,255,255"
    tokens = {
        "fg": f"var(--jp-ui-font-color1,var(--vscode-editor-foreground,{_FORE[theme]}))",
        "bg": f"var(--jp-layout-color0,var(--vscode-editor-background,{_GROUND[theme]}))",
    }
    tokens |= {name: colours[theme] for name, colours in INK.items()}
    tokens |= {f"{name}-t": _tint(INK[name][theme], shares[theme]) for name, shares in TINT.items()}
    tokens |= {name: f"rgba({ground},{shares[theme]})" for name, shares in _SHADE.items()}
    return ";".join(f"--{name}:{value}" for name, value in tokens.items())


def _tint(colour: str, share: float) -> str:
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return f"rgba({red},{green},{blue},{share})"
