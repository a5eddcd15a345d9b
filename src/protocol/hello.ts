/**
 * The first line of each side of a connection: JSON, whose fields stay the same in all versions.
 */
import { type CallsheetError, errorClasses, ProtocolVersionError } from '../errors.js';
import { errorFromData } from './error-data.js';
import { protocolVersion } from './packing.js';
import { BadPeerError } from './wire.js';

type Line = Readonly<Record<string, unknown>>;

/** The line of a client. */
export interface ClientHello {
  /** The id of the client, a UUID: the owner of the jobs that it puts. */
  readonly client: string;
  readonly pid: number;
}

export const clientHello = (hello: ClientHello): Line => ({
  callsheet: 'client',
  protocols: [protocolVersion],
  ...hello,
});

/** Reads a client's line. Throws `BadPeerError`, or `ProtocolVersionError` for another version. */
export function readClientHello({ callsheet, protocols, client, pid }: Line): ClientHello {
  if (callsheet !== 'client' || !Array.isArray(protocols) || typeof client !== 'string' || typeof pid !== 'number')
    throw new BadPeerError('a hello is not that of a client');
  if (!protocols.includes(protocolVersion))
    throw new ProtocolVersionError(
      `the owner of the directory (process ${process.pid}) has protocol ${protocolVersion}, the client (process ${pid}) protocol ${protocols.join(' or ')}: run the same version of callsheet in both`,
    );
  return { client, pid };
}

export const ownerHello = (): Line => ({ callsheet: 'owner', protocol: protocolVersion, pid: process.pid });

/** The line with which an owner refuses a client. */
export const refusal = (error: CallsheetError): Line => ({ callsheet: 'owner', error: [error.code, error.message] });

/** Reads an owner's line. Throws its error, or `BadPeerError`. */
export function readOwnerHello({ callsheet, protocol, error }: Line): void {
  if (callsheet !== 'owner') throw new BadPeerError('a hello is not that of an owner');
  if (protocol === protocolVersion) return;
  const [code, message] = Array.isArray(error) ? (error as unknown[]) : [];
  if (typeof code === 'string' && Object.hasOwn(errorClasses, code) && typeof message === 'string')
    throw errorFromData([code, message, {}]);
  throw new ProtocolVersionError(
    `the owner of the directory has another protocol than ${protocolVersion}: run the same version of callsheet in both`,
  );
}
