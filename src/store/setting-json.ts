/** A setting as text, in every store. */
import { isSettingKind, type SettingRecord, settingKey } from '../core/records.js';
import { checkedId } from './checked-id.js';

export function settingText(setting: SettingRecord): string {
  return setting.kind === 'opaque' ? setting.json : JSON.stringify(setting);
}

/** Reads a setting. One of an unknown kind is kept as it is, for the build that knows it. */
export function settingFrom(key: string, json: string): SettingRecord {
  const setting = JSON.parse(json) as SettingRecord | null;
  const kind: unknown = setting?.kind;
  const isKnown = typeof kind === 'string' && isSettingKind(kind);
  if (setting === null || (isKnown ? settingKey(setting) !== key : !key.startsWith(`${kind}\0`)))
    throw new RangeError('the key of a setting does not match its record');
  if (!isKnown) return { kind: 'opaque', key, json };
  if ('dispatcher' in setting) checkedId(setting.dispatcher);
  if (setting.kind === 'dispatcher') checkedId(setting.id);
  return setting;
}
