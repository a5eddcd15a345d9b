/** Names in the addresses that the page makes. */
export { exactly } from '../protocol/name-pattern.js';
