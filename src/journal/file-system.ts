/**
 * The file systems that a journal cannot trust: other machines may have their files open. There the
 * socket of another machine's process looks dead, so the lock keeps nothing out, and a sync may
 * guarantee less.
 *
 * Linux only, by the numbers of its `statfs` (linux/magic.h and the file systems' own). Elsewhere
 * these numbers mean nothing.
 */

const shared: ReadonlyMap<number, string> = new Map([
  [0x6969, 'NFS'],
  [0x517b, 'SMB'],
  [0xff534d42, 'CIFS'],
  [0xfe534d42, 'SMB2'],
  [0x01021997, '9p'],
  [0x73757245, 'Coda'],
  [0x5346414f, 'AFS'],
  [0x6b414653, 'AFS'],
  [0x564c, 'NCP'],
  [0x00c36400, 'Ceph'],
  [0x0bd00bd0, 'Lustre'],
  [0x47504653, 'GPFS'],
  [0x19830326, 'BeeGFS'],
  [0x01161970, 'GFS2'],
  [0x7461636f, 'OCFS2'],
  [0x786f4256, 'a VirtualBox share'],
  [0xbacbacbc, 'a VMware share'],
  [0x7c7c6673, 'a Parallels share'],
  // Behind FUSE there may be a local disk, a host's (virtiofs), or a cluster (Gluster, JuiceFS,
  // sshfs).
  [0x65735546, 'FUSE'],
]);

/** Returns the name of a file system that other machines may share, for any other `undefined`. */
export function sharedFileSystem(type: number | undefined): string | undefined {
  // On systems with words of 32 bits the numbers may be negative.
  return type === undefined ? undefined : shared.get(type >>> 0);
}
