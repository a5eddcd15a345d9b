/**
 * A connection between processes: one line of JSON each way, the same in all versions, so that a
 * mismatch can be said; then batches of messages in frames.
 *
 *    frame    length (u32, little endian, without these four bytes), type (u8), body
 *    batch    a whole batch
 *    first    total length of a large batch (u32), its first piece
 *    next     a further piece
 *    ping     nothing; answered by `pong`
 *    goodbye  1 if the next connection would end in the same way (u8), and the reason as text
 *
 * Batches keep their order. The system holds the sender back when the receiver reads slowly; the
 * owner of a wire looks at `backlog` and makes no more then.
 */
import type { Duplex } from 'node:stream';

/** The other side does not keep to this protocol. */
export class BadPeerError extends Error {}

export interface WireListener {
  /** The line of the other side. Throws `BadPeerError` if it is unusable. */
  hello(line: Readonly<Record<string, unknown>>): void;
  /** The bytes are valid only during the call. Throws to close the connection. */
  batch(bytes: Uint8Array): void;
  /** Everything that was sent has left this process. */
  drained(): void;
  /**
   * The connection has ended; `reason` is known if a side gave one. `isFinal`: the other side says
   * that the next one would end in the same way. Called once.
   */
  closed(reason: string | undefined, isFinal: boolean): void;
}

const longestHello = 65_536;
const pieceBytes = 65_536;
const headBytes = 5;
const types = { batch: 0, first: 1, next: 2, ping: 3, pong: 4, goodbye: 5 } as const;
const nothing = new Uint8Array(0);
const longestReason = 4_096;
const goodbyeMs = 1_000;

export class Wire {
  readonly #stream: Duplex;
  readonly #listener: WireListener;
  readonly #mostBytes: number;
  /** Bytes that were received and not used yet. */
  #unread: Buffer = Buffer.alloc(0);
  #isGreeted = false;
  #written = 0;
  #large: { readonly bytes: Buffer; filled: number } | undefined;
  #reason: string | undefined;
  #isFinal = false;
  #isClosed = false;
  /** Number of times that something was received. */
  received = 0;

  /** `mostBytes`: the longest batch that is received. */
  constructor(stream: Duplex, listener: WireListener, mostBytes: number) {
    this.#stream = stream;
    this.#listener = listener;
    this.#mostBytes = mostBytes;
    // The end of the other process can also be an error. Neither is a reason.
    stream.on('error', () => {});
    stream.on('close', () => this.#end());
    stream.on('end', () => stream.destroy());
    stream.on('drain', () => this.#isClosed || listener.drained());
    stream.on('data', (chunk: Buffer) => this.#take(chunk));
  }

  /** Bytes that were sent and have not left this process. */
  get backlog(): number {
    return this.#stream.writableLength;
  }

  /** Bytes that have left this process. */
  get left(): number {
    return this.#written - this.#stream.writableLength;
  }

  hello(line: Readonly<Record<string, unknown>>): void {
    if (!this.#isClosed) this.#stream.write(`${JSON.stringify(line)}\n`);
  }

  send(batch: Uint8Array): void {
    if (this.#isClosed) return;
    if (batch.byteLength <= pieceBytes) return this.#write(types.batch, batch);
    const total = Buffer.alloc(4);
    total.writeUInt32LE(batch.byteLength);
    this.#write(types.first, total, batch.subarray(0, pieceBytes));
    for (let at = pieceBytes; at < batch.byteLength; at += pieceBytes)
      this.#write(types.next, batch.subarray(at, at + pieceBytes));
  }

  ping(): void {
    if (!this.#isClosed) this.#write(types.ping, nothing);
  }

  pause(): void {
    this.#stream.pause();
  }

  resume(): void {
    this.#stream.resume();
  }

  /** Ends the connection, after saying why if there is something to say. */
  close(reason?: string, isFinal = false): void {
    if (this.#isClosed) return;
    if (this.#isGreeted && reason !== undefined)
      this.#write(types.goodbye, Buffer.from([isFinal ? 1 : 0]), Buffer.from(reason.slice(0, longestReason)));
    this.#reason ??= reason;
    this.#end();
    // The last bytes may still leave, unless the other side does not read.
    const stream = this.#stream;
    const limit = setTimeout(() => stream.destroy(), goodbyeMs);
    limit.unref();
    stream.on('close', () => clearTimeout(limit));
    stream.end(() => stream.destroy()).resume();
  }

  /** Ends the connection at once. */
  destroy(reason: string): void {
    this.#reason ??= reason;
    this.#stream.destroy();
    this.#end();
  }

  #end(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#unread = Buffer.alloc(0);
    this.#large = undefined;
    this.#listener.closed(this.#reason, this.#isFinal);
  }

  #write(type: number, ...parts: readonly Uint8Array[]): void {
    const length = parts.reduce((sum, { byteLength }) => sum + byteLength, 1);
    const head = Buffer.allocUnsafe(headBytes);
    head.writeUInt32LE(length);
    head.writeUInt8(type, headBytes - 1);
    this.#written += length + headBytes - 1;
    this.#stream.cork();
    this.#stream.write(head);
    for (const part of parts) if (part.byteLength > 0) this.#stream.write(part);
    this.#stream.uncork();
  }

  #take(chunk: Buffer): void {
    if (this.#isClosed) return;
    this.received++;
    const bytes = this.#unread.byteLength === 0 ? chunk : Buffer.concat([this.#unread, chunk]);
    try {
      const used = this.#read(bytes);
      // A copy, so that a short rest does not keep a long chunk.
      this.#unread = used === bytes.byteLength ? Buffer.alloc(0) : Buffer.from(bytes.subarray(used));
    } catch (error) {
      this.close((error as Error).message, true);
    }
  }

  /** Handles everything that is complete. Returns the number of bytes that were used. */
  #read(bytes: Buffer): number {
    let at = 0;
    if (!this.#isGreeted) {
      if (bytes[0] !== openBrace) throw new BadPeerError('a hello must begin with {');
      const end = bytes.subarray(0, longestHello).indexOf(lineFeed);
      if (end < 0) {
        if (bytes.byteLength >= longestHello) throw new BadPeerError('a hello is too long');
        return 0;
      }
      this.#isGreeted = true;
      this.#listener.hello(helloFrom(bytes.toString('utf8', 0, end)));
      at = end + 1;
    }
    while (!this.#isClosed && bytes.byteLength - at >= headBytes) {
      const length = bytes.readUInt32LE(at);
      if (length === 0 || length > pieceBytes + headBytes) throw new BadPeerError('a frame has a wrong length');
      if (bytes.byteLength - at < headBytes - 1 + length) break;
      const end = at + headBytes - 1 + length;
      this.#frame(bytes[at + headBytes - 1]!, bytes.subarray(at + headBytes, end));
      at = end;
    }
    return this.#isClosed ? bytes.byteLength : at;
  }

  #frame(type: number, body: Buffer): void {
    switch (type) {
      case types.batch:
        if (this.#large !== undefined) throw new BadPeerError('a batch is not complete');
        return this.#listener.batch(body);
      case types.first: {
        const total = body.byteLength < 4 ? 0 : body.readUInt32LE(0);
        if (this.#large !== undefined || total === 0) throw new BadPeerError('a batch has a wrong beginning');
        if (total > this.#mostBytes) throw new BadPeerError(`a batch is longer than ${this.#mostBytes} bytes`);
        this.#large = { bytes: Buffer.allocUnsafeSlow(total), filled: 0 };
        return this.#piece(body.subarray(4));
      }
      case types.next:
        return this.#piece(body);
      case types.ping:
        return this.#write(types.pong, nothing);
      case types.pong:
        return;
      case types.goodbye:
        this.#isFinal = body[0] === 1;
        this.#reason = body.toString('utf8', 1, longestReason);
        return;
      default:
        throw new BadPeerError(`a frame has the unknown type ${type}`);
    }
  }

  #piece(piece: Buffer): void {
    const large = this.#large;
    if (large === undefined || large.filled + piece.byteLength > large.bytes.byteLength)
      throw new BadPeerError('a piece belongs to no batch');
    large.filled += piece.copy(large.bytes, large.filled);
    if (large.filled < large.bytes.byteLength) return;
    this.#large = undefined;
    this.#listener.batch(large.bytes);
  }
}

const openBrace = '{'.charCodeAt(0);
const lineFeed = '\n'.charCodeAt(0);

function helloFrom(line: string): Readonly<Record<string, unknown>> {
  try {
    return JSON.parse(line);
  } catch {
    throw new BadPeerError('a hello is not JSON');
  }
}
