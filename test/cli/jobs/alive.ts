/** A job module that keeps each process and thread alive that imports it. */
setInterval(() => {}, 60_000);

export const nothing = () => {};
