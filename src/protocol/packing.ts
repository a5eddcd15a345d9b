/**
 * Packs messages between threads: a batch is one versioned msgpack value in a buffer of its own,
 * which is transferred, not copied. The same bytes can go over a socket.
 */
// Without its native part, which takes longer to load in each thread than it saves.
import { Packr } from 'msgpackr/pack';
import { mostCopied } from '../codec/bytes.js';
import { ProtocolVersionError } from '../errors.js';

/** Must be raised with each change of a message's layout. */
export const protocolVersion = 3;

/** `copyBuffers`: an unpacked payload may be kept for long and must not keep the whole batch. */
const packr = new Packr({ useRecords: false, copyBuffers: true });

const poolBytes = 8192;

export function packBatch(messages: readonly unknown[]): Uint8Array {
  const packed = packr.pack([protocolVersion, messages]);
  // The packer returns a view of a pool; the copy has a buffer of its exact size.
  if (packed.byteLength <= mostCopied) return new Uint8Array(packed);
  // The pool is large, too: it is given away.
  packr.useBuffer(Buffer.allocUnsafeSlow(poolBytes));
  return new Uint8Array(packed.buffer, packed.byteOffset, packed.byteLength);
}

export function unpackBatch<M>(bytes: Uint8Array): M[] {
  const [version, messages] = packr.unpack(bytes) as [number, M[]];
  if (version !== protocolVersion) {
    throw new ProtocolVersionError(`messages must have protocol ${protocolVersion}, got protocol ${version}`);
  }
  return messages;
}
