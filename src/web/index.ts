/**
 * callsheet/web: a page that shows a runtime, and metrics of it.
 *
 * @example
 * const page = web(callsheet);
 * http.createServer(node(page)).listen(7070, '127.0.0.1');
 * console.log(page.link('http://127.0.0.1:7070'));
 */
export { metrics } from './metrics.js';
export { node } from './node.js';
export type { Access, ShownJob, Visitor, WebAction, WebOptions } from './options.js';
export { type WebHandler, web } from './web.js';
