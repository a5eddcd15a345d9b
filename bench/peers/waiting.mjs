/** Who waits for a job of a queue that says by itself, elsewhere, that a job is done. */
export class Waiting {
  #resolvers = new Map();

  /** Puts a job that is known by its number; resolves with its result once `completed` or `failed` was called for that. */
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
