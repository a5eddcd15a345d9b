/** Plain documents that need no script: a refusal, and the step behind a one-time link. */

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

export const escapeHtml = (text: string) => text.replaceAll(/[&<>"']/g, (sign) => entities[sign]!);

/** Without it, browsers ask for a file of an icon. */
export const iconLink = `<link rel="icon" href="data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Cpath d='M2 3h12v3H2zM2 7h7v3H2zM2 11h10v3H2z' fill='%234a7'/%3E%3C/svg%3E">`;

/** Returns a document with a message. `next` is the address to which it leads at once. */
export function plainDocument(title: string, message: string, next?: string): string {
  const lead = next === undefined ? '' : `<meta http-equiv="refresh" content="0;url=${escapeHtml(next)}">\n`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
${iconLink}
${lead}<title>${escapeHtml(title)} · callsheet</title>
</head>
<body><main><h1>${escapeHtml(title)}</h1><p>${escapeHtml(message)}</p></main></body>
</html>
`;
}
