//! Colours for a few lines of code: enough to read them by. Pure.

/** A piece of code and what it is; plain pieces have no kind. */
export interface Token {
  readonly text: string;
  readonly kind: 'comment' | 'string' | 'number' | 'keyword' | 'variable' | '';
}

const PATTERN = new RegExp(
  [
    /(?<comment>(?<=^|\s)#[^\n]*)/,
    /(?<string>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\]|\\.)*')/,
    /(?<number>\b\d+(?:\.\d+)?\b)/,
    /(?<keyword>\b(?:require|use|new|import|from|curl|true|false|null|True|False)\b|<\?php)/,
    /(?<variable>\$\w+|(?<=\s)-{1,2}[a-zA-Z]+\b)/,
  ]
    .map(({ source }) => source)
    .join('|'),
  'gm',
);

/** Cuts code into tokens; joined again they are the code. */
export function highlight(code: string): Token[] {
  const tokens: Token[] = [];
  let end = 0;
  for (const match of code.matchAll(PATTERN)) {
    if (match.index > end) tokens.push({ text: code.slice(end, match.index), kind: '' });
    const [kind] = Object.entries(match.groups ?? {}).find(([, found]) => found) ?? [''];
    tokens.push({ text: match[0], kind: kind as Token['kind'] });
    end = match.index + match[0].length;
  }
  if (end < code.length) tokens.push({ text: code.slice(end), kind: '' });
  return tokens;
}
