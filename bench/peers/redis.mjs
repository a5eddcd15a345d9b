/** A Redis server's settings of durability. */
import { Redis } from 'ioredis';

export async function describeRedis(server) {
  const redis = new Redis(server);
  const [, appendonly] = await redis.config('GET', 'appendonly');
  const [, appendfsync] = await redis.config('GET', 'appendfsync');
  const version = /redis_version:(\S+)/.exec(await redis.info('server'))?.[1];
  await redis.quit();
  return `Redis ${version}, ${appendonly === 'yes' ? `fsync ${appendfsync}` : 'no append-only file'}`;
}
