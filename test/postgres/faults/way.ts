/** A way to a server that can be cut: a proxy on a port of its own. */
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/** `commit` as a query without values, and as a statement that is parsed. */
const commits = [Buffer.from('commit\0')];

export class Way {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #isCut = false;
  /** Called for the next commit, after it went to the server. */
  #onCommit: (() => void) | undefined;

  private constructor(port: number) {
    this.#server = createServer((near) => {
      if (this.#isCut) return void near.destroy();
      const far = connect(port, '127.0.0.1');
      for (const [from, to] of [
        [near, far],
        [far, near],
      ] as const) {
        this.#sockets.add(from);
        from.on('error', () => {});
        from.on('close', () => {
          this.#sockets.delete(from);
          to.destroy();
        });
      }
      near.on('data', (bytes) => {
        far.write(bytes, () => {
          if (this.#onCommit !== undefined && commits.some((text) => bytes.includes(text))) this.#onCommit();
        });
      });
      far.on('data', (bytes) => near.write(bytes));
    });
  }

  static async to(port: number): Promise<Way> {
    const way = new Way(port);
    way.#server.listen(0, '127.0.0.1');
    await once(way.#server, 'listening');
    return way;
  }

  get port(): number {
    return (this.#server.address() as { port: number }).port;
  }

  /** Ends all connections, and takes no new ones. */
  cut(): void {
    this.#isCut = true;
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  /** Cuts when the next commit is on its way, so that its answer is lost. Resolves then. */
  async cutInCommit(withinMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      const limit = setTimeout(() => done(false), withinMs);
      const done = (isCut: boolean) => {
        clearTimeout(limit);
        this.#onCommit = undefined;
        this.cut();
        resolve(isCut);
      };
      this.#onCommit = () => done(true);
    });
  }

  mend(): void {
    this.#isCut = false;
  }

  close(): void {
    this.cut();
    this.#server.close();
  }
}
