/** What must happen at once in Redis, in its own language. */

export interface Script {
  numberOfKeys: number;
  lua: string;
}

/**
 * KEYS: leases, presences, fence. ARGV: id, fence known, presence, lease in ms.
 * Ends the leases whose time is over, by Redis' clock, and renews this one. Who comes without a
 * lease gets a new number: higher than all before, also when Redis has forgotten them.
 */
export const BEAT: Script = {
  numberOfKeys: 3,
  lua: `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now)) do
  redis.call('ZREM', KEYS[1], id)
  redis.call('HDEL', KEYS[2], id)
end
local fence = tonumber(ARGV[2])
if fence == 0 or not redis.call('ZSCORE', KEYS[1], ARGV[1]) then
  fence = math.max(tonumber(redis.call('GET', KEYS[3]) or '0') + 1, now)
  redis.call('SET', KEYS[3], string.format('%.0f', fence))
end
redis.call('ZADD', KEYS[1], now + tonumber(ARGV[4]), ARGV[1])
redis.call('HSET', KEYS[2], ARGV[1], ARGV[3])
return {string.format('%.0f', now), string.format('%.0f', fence), redis.call('HVALS', KEYS[2])}
`,
};

/**
 * KEYS: one gateway's nodes. ARGV: fence, keep in ms, whole or not, seq, number of records, then
 * the records as id and JSON, then the ids that have gone.
 * A gateway that was taken for dead, and has come back with a new number, cannot be undone by what
 * it had sent under the old one.
 */
export const WRITE: Script = {
  numberOfKeys: 1,
  lua: `
local held = tonumber(redis.call('HGET', KEYS[1], '#fence') or '0')
local fence = tonumber(ARGV[1])
if held > fence then return 0 end
if ARGV[3] == '1' then
  redis.call('DEL', KEYS[1])
elseif held ~= fence then
  return 0
end
redis.call('HSET', KEYS[1], '#fence', ARGV[1], '#seq', ARGV[4])
local last = 5 + 2 * tonumber(ARGV[5])
for i = 6, last, 2 do redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
for i = last + 1, #ARGV do redis.call('HDEL', KEYS[1], ARGV[i]) end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
`,
};
