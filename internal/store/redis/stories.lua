-- Joins arrivals to their groups. KEYS: the claim of each arrival, then the groups.
-- ARGV: number of arrivals, milliseconds a claim and a group are kept and an arrival is
-- recent, size of a group;
-- then for each arrival its ID, the number of its group (0 for none), its place's
-- beginning, which has nothing but its ID, the place as it is kept, and its time.
--
-- Returns for each arrival the owner of its key and how many places stand before it, and
-- the places of each group. A place begins with the time of its arrival, 16 digits.
local n, keepKey, keepStory, recent, size = tonumber(ARGV[1]), ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
local groups = {}
for g = 1, #KEYS - n do
	groups[g] = redis.call('LRANGE', KEYS[n + g], 0, -1)
end

local function find(group, begin)
	for i, place in ipairs(group) do
		if string.sub(place, 17, 16 + #begin) == begin then return i end
	end
end

-- Room is made before anybody joins: what one of the batch has seen, another must not move.
local newest = {}
for i = 0, n - 1 do
	local g, at = tonumber(ARGV[7 + 5 * i]), tonumber(ARGV[10 + 5 * i])
	if g > 0 then newest[g] = math.max(newest[g] or 0, at) end
end
for g, at in pairs(newest) do
	local group = groups[g]
	while #group >= size and tonumber(string.sub(group[1], 1, 16)) <= at - recent do
		redis.call('LPOP', KEYS[n + g])
		table.remove(group, 1)
	end
end

local owners, before = {}, {}
for i = 0, n - 1 do
	local id, g, begin, place = ARGV[6 + 5 * i], tonumber(ARGV[7 + 5 * i]), ARGV[8 + 5 * i], ARGV[9 + 5 * i]
	local held = redis.call('SET', KEYS[i + 1], id, 'NX', 'GET', 'PX', keepKey)
	owners[i + 1], before[i + 1] = held or id, 0
	if g > 0 and (not held or held == id) then
		local group = groups[g]
		local at = find(group, begin)
		if at then
			before[i + 1] = at - 1
		elseif not held then
			before[i + 1] = #group
			if #group < size then
				redis.call('RPUSH', KEYS[n + g], place)
				redis.call('PEXPIRE', KEYS[n + g], keepStory)
				group[#group + 1] = place
			end
		end
	end
end
return {owners, before, groups}
