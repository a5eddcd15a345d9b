/** The callers that wait for jobs of a queue that reports ends by events. */
export class Waiting {
  #resolvers = new Map();

  /** Puts a job and waits until `completed` or `failed` is called with its number. */
  async run(number, put) {
    const result = new Promise((resolve, reject) => this.#resolvers.set(number, { resolve, reject }));
    await Promise.all([put(), result]);
    return result;
  }

  completed(number, result) {
    this.#take(number)?.resolve(result);
  }

  failed(number, error) {
    this.#take(number)?.reject(error);
  }

  #take(number) {
    const waiter = this.#resolvers.get(number);
    this.#resolvers.delete(number);
    return waiter;
  }
}

/**
 * Returns a function that puts one of `putAll` at a time, with all that came meanwhile.
 */
export function gathering(putAll) {
  let gathered = [];
  let next;
  let before = Promise.resolve();
  const putNext = async () => {
    await before;
    const some = gathered;
    gathered = [];
    next = undefined;
    before = putAll(some);
    await before;
  };
  return (number) => {
    gathered.push(number);
    next ??= putNext();
    return next;
  };
}
