/** The windows in which the work of threads is sent; shared with the page. */

/** The time that is shown. */
export const shownMs = 60_000;
export const windowMs = 10_000;
/** The names of their sections begin so. */
export const windowPrefix = 'window ';
