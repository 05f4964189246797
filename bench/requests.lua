-- wrk -s requests.lua URL -- DEPTH [FILE]: requests the paths of FILE in turn, DEPTH of them per write as one pipeline.
-- FILE has one path per line. Without FILE the script requests the path of the URL.
local batches, index = {}, 0

function init(args)
    local depth, paths = tonumber(args[1]), {}
    if args[2] then
        for line in io.lines(args[2]) do paths[#paths + 1] = line end
    end
    local first = math.max(1, #paths)
    for start = 1, first do
        local all = {}
        for step = 0, depth - 1 do
            all[#all + 1] = wrk.format(nil, paths[(start + step - 1) % first + 1])
        end
        batches[start] = table.concat(all)
    end
end

function request()
    index = index % #batches + 1
    return batches[index]
end
