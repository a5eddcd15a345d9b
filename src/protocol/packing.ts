/**
 * Messages between threads as bytes: a batch is one versioned msgpack value in a buffer of its own,
 * which is transferred, not copied. The same bytes can go over a socket.
 */
import { Packr } from 'msgpackr';
import { CallsheetError } from '../errors.js';

/** Raised with every change of any message's layout. */
const protocolVersion = 1;

/** What is unpacked is kept by some for long, and is not to keep the whole batch. */
const packr = new Packr({ useRecords: false, copyBuffers: true });

export function packBatch(messages: readonly unknown[]): Uint8Array {
  // A copy of the exact size: what the packer gives is a view on a pool.
  return new Uint8Array(packr.pack([protocolVersion, messages]));
}

export function unpackBatch<M>(bytes: Uint8Array): M[] {
  const [version, messages] = packr.unpack(bytes) as [number, M[]];
  if (version !== protocolVersion) {
    throw new CallsheetError(
      'PROTOCOL_VERSION',
      `a message of protocol ${version}, where ${protocolVersion} is spoken`,
    );
  }
  return messages;
}
