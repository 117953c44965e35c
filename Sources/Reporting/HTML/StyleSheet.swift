/// The style of every page: one column, system fonts, light and dark, readable on a phone and on paper.
enum StyleSheet {
  /// The rules.
  static let text = """
    :root {
      color-scheme: light dark;
      --page: #fbfbfa; --panel: #ffffff; --ink: #1d1f23; --quiet: #646a73; --line: #e4e5e7; --bar: #3f6fb5;
      --accepted: #3c8f63; --pending: #c9ced6; --submitting: #6f9fdc; --processing: #8d7fd0; --unknown: #d9a021; --rejected: #c8443c;
      --failed: #a23a72; --cancelled: #8d8a84; --mark: #ffffff; --pending-mark: #6b7280;
    }
    @media (prefers-color-scheme: dark) {
      :root {
        --page: #131416; --panel: #1b1d20; --ink: #e7e8ea; --quiet: #9aa0a9; --line: #2d3035; --bar: #7ba7e6;
        --accepted: #4da877; --pending: #474c55; --submitting: #5b8fd6; --processing: #8f82d6; --unknown: #d7a73c; --rejected: #dd6259;
        --failed: #c05e93; --cancelled: #85827c; --mark: #101113; --pending-mark: #a7adb7;
      }
    }
    * { box-sizing: border-box; }
    html { -webkit-text-size-adjust: 100%; }
    body {
      margin: 0; background: var(--page); color: var(--ink);
      font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", sans-serif;
      font-variant-numeric: tabular-nums;
    }
    main { max-width: 62rem; margin: 0 auto; padding: clamp(1rem, 4vw, 3rem) clamp(1rem, 4vw, 2rem); }
    section { margin-bottom: 2.25rem; }
    section:empty { display: none; }
    h1 { font-size: clamp(1.4rem, 1rem + 2vw, 2rem); line-height: 1.2; font-weight: 650; margin: .35rem 0 .5rem;
      letter-spacing: -.012em; overflow-wrap: anywhere; }
    h2 { font-size: 1rem; font-weight: 650; margin: 0 0 .75rem; padding-bottom: .4rem;
      border-bottom: 1px solid var(--line); }
    p { margin: .25rem 0; overflow-wrap: anywhere; }
    a { color: inherit; text-decoration-color: var(--quiet); text-underline-offset: .2em; }
    a:hover { text-decoration-color: currentColor; }
    .quiet { color: var(--quiet); font-size: .875rem; }
    nav, footer { color: var(--quiet); font-size: .875rem; }
    nav { display: flex; gap: 1.25rem; margin-bottom: 1.5rem; align-items: baseline; flex-wrap: wrap; }
    footer { border-top: 1px solid var(--line); padding-top: .75rem; }
    code, .id { font-family: ui-monospace, "SF Mono", Menlo, Consolas, "Liberation Mono", monospace; font-size: .875em; }
    .badge { display: inline-block; font-size: .8125rem; font-weight: 600; padding: .1rem .6rem; border-radius: 1rem;
      border: 1px solid currentColor; }
    .badge.good { color: var(--accepted); } .badge.busy { color: var(--bar); } .badge.held { color: var(--unknown); }
    .badge.bad { color: var(--rejected); }
    .why { border-left: 3px solid var(--unknown); padding: .1rem 0 .1rem .8rem; margin: .75rem 0; }
    .steps { list-style: none; margin: 1rem 0 0; padding: 0; }
    .steps li { margin-bottom: .6rem; }
    .steps code { display: block; background: var(--panel); border: 1px solid var(--line); border-radius: .4rem;
      padding: .45rem .7rem; margin-top: .2rem; overflow-x: auto; white-space: pre; }
    .cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(7.25rem, 1fr)); gap: .75rem; margin: 0 0 1.25rem; }
    .cards div, .figures div { background: var(--panel); border: 1px solid var(--line); border-radius: .5rem;
      padding: .6rem .85rem; }
    dt { color: var(--quiet); font-size: .8125rem; }
    dd { margin: 0; font-size: 1.3rem; font-weight: 600; letter-spacing: -.01em; overflow-wrap: anywhere; }
    .figures { display: flex; flex-wrap: wrap; gap: .75rem; margin: 0 0 1rem; }
    .figures div { min-width: 7rem; } .figures dd { font-size: 1.1rem; }
    .facts { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1.25rem; margin: 0; }
    .facts dd { font-size: .9375rem; font-weight: 400; letter-spacing: 0; }
    .facts dt { font-size: .875rem; padding-top: .07rem; }
    .share { display: block; width: 100%; height: .9rem; border-radius: .3rem; margin-bottom: .9rem; }
    .scroll { overflow-x: auto; }
    table { border-collapse: collapse; width: 100%; font-size: .9375rem; }
    th { text-align: left; font-weight: 500; color: var(--quiet); font-size: .8125rem; }
    th, td { padding: .4rem .9rem .4rem 0; vertical-align: top; border-bottom: 1px solid var(--line); }
    tr:last-child td { border-bottom: 0; }
    th.n, td.n { text-align: right; white-space: nowrap; }
    .n + th:not(.n), .n + td:not(.n) { padding-left: 1rem; }
    td.said { overflow-wrap: anywhere; min-width: 12rem; }
    .nowrap { white-space: nowrap; }
    .swatch { width: .85em; height: .85em; vertical-align: -.05em; margin-right: .15em; }
    .legend { list-style: none; display: flex; flex-wrap: wrap; gap: .3rem 1.1rem; padding: 0; margin: .75rem 0 0;
      font-size: .875rem; }
    .bars { display: block; width: 100%; height: 9rem; border-bottom: 1px solid var(--line); }
    .bars .catch { fill: transparent; } .bars .bar { fill: var(--bar); }
    .bars g:hover .bar { opacity: .65; }
    .axis { display: flex; justify-content: space-between; gap: 1rem; color: var(--quiet); font-size: .8125rem;
      margin: .25rem 0; min-height: 1.2em; }
    .map { display: block; width: 100%; height: auto; }
    .s-accepted { fill: var(--accepted); } .s-pending { fill: var(--pending); } .s-submitting { fill: var(--submitting); }
    .s-processing { fill: var(--processing); }
    .s-unknown { fill: var(--unknown); } .s-rejected { fill: var(--rejected); } .s-failed { fill: var(--failed); }
    .s-cancelled { fill: var(--cancelled); } .s-split { fill: var(--line); }
    svg path { stroke: var(--mark); stroke-width: 1.2; stroke-linecap: round; fill: none; }
    .s-pending path { stroke: var(--pending-mark); }
    form { display: inline-block; margin: 0 .5rem .5rem 0; }
    input, button { font: inherit; color: inherit; border-radius: .4rem; border: 1px solid var(--line);
      background: var(--panel); padding: .35rem .8rem; max-width: 100%; }
    button { cursor: pointer; } button:hover { border-color: var(--quiet); }
    button.danger { color: var(--rejected); }
    input[type=search] { width: 26rem; }
    @media (max-width: 34rem) {
      .facts { grid-template-columns: 1fr; gap: 0; } .facts dd { margin-bottom: .5rem; }
      .cards { grid-template-columns: repeat(2, 1fr); gap: .5rem; } dd { font-size: 1.1rem; }
      .bars { height: 7rem; }
    }
    @media print {
      :root { --page: #fff; --panel: #fff; --ink: #000; --quiet: #444; --line: #bbb; }
      body { font-size: 11pt; } main { max-width: none; padding: 0; } section { break-inside: avoid; }
      form, nav { display: none; }
      svg, .badge { -webkit-print-color-adjust: exact; print-color-adjust: exact; }
    }
    """
}
