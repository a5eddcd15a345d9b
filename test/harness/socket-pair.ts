/** Two streams that are joined as the two ends of a socket are, in this process. */
import { Duplex } from 'node:stream';

class End extends Duplex {
  other!: End;
  /** Called when the reader of this end has room. */
  #hasRoom: ((error?: Error) => void) | undefined;
  #isOver = false;

  constructor() {
    super({ allowHalfOpen: false });
  }

  override _read(): void {
    const call = this.#hasRoom;
    this.#hasRoom = undefined;
    if (call !== undefined) process.nextTick(call);
  }

  override _write(chunk: Buffer, _: unknown, done: (error?: Error) => void): void {
    process.nextTick(() => this.other.#receive(chunk, done));
  }

  override _final(done: () => void): void {
    process.nextTick(() => this.other.#end());
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#hasRoom?.(new Error('the other end is closed'));
    this.#hasRoom = undefined;
    process.nextTick(() => this.other.#end());
    done(error);
  }

  #receive(chunk: Buffer, done: (error?: Error) => void): void {
    if (this.destroyed || this.#isOver) done(new Error('the other end is closed'));
    else if (this.push(chunk)) done();
    else this.#hasRoom = done;
  }

  #end(): void {
    if (this.#isOver || this.destroyed) return;
    this.#isOver = true;
    this.push(null);
  }
}

export function socketPair(): readonly [Duplex, Duplex] {
  const [one, two] = [new End(), new End()];
  one.other = two;
  two.other = one;
  return [one, two];
}
