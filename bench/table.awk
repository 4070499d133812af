# awk -f table.awk LIST TSV: the figures as a table for people, with the goals. LIST is what
# `ward_bench --list` prints.

BEGIN { FS = "\t" }

function scaled(value, unit) {
    if (unit == "us") {
        if (value >= 1e6)
            return sprintf("%.2f s", value / 1e6)
        if (value >= 1000)
            return sprintf("%.2f ms", value / 1000)
        return sprintf("%.1f us", value)
    }
    sub(/^bytes/, "B", unit)
    if (unit ~ /^(\/s|B)/) {
        if (value >= 1e9)
            return sprintf("%.3g G%s", value / 1e9, unit)
        if (value >= 1e6)
            return sprintf("%.3g M%s", value / 1e6, unit)
        if (value >= 1e3)
            return sprintf("%.3g k%s", value / 1e3, unit)
    }
    return sprintf("%.4g %s", value, unit)
}

function row(figure, ours, theirs, against, ratio, goal, verdict,    line) {
    line = sprintf("%-22s %14s %14s  %-17s %7s  %-13s %s", figure, ours, theirs, against,
        ratio, goal, verdict)
    sub(/ +$/, "", line)
    print line
}

NR == FNR {
    against[$1] = $2
    sense[$1] = $3
    goal[$1] = $4
    next
}

FNR == 1 { row("figure", "ours", "theirs", "against", "ratio", "goal", "") }

{
    wanted = verdict = ""
    if (sense[$1] != "none" && against[$1] == $4) {
        wanted = sense[$1] " " goal[$1]
        is_met = sense[$1] == "at least" ? $6 >= goal[$1] : $6 <= goal[$1]
        verdict = is_met ? "met" : "MISSED"
        met += is_met
        goals++
    }
    is_next = $1 != last
    row(is_next ? $1 : "", is_next ? scaled($2, $3) : "", scaled($5, $3), $4, $6 < 0 ? "-" : sprintf("%.3g", $6),
        wanted, verdict)
    last = $1
}

END { printf "%d of %d goals are met.\n", met, goals }
