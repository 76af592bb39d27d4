# SPDX-License-Identifier: MIT
# The charts of bench/report.svg, from what bench/bench has left in the build tree.

set terminal svg size 900,1200 font "sans-serif,13" background "white"
set output "bench/report.svg"
set multiplot layout 3,1 title "libsigbus: cost, against the bare program = 1"
set grid ytics lc rgb "#dddddd"
set border 3
set tics nomirror
set key left top
set style data linespoints
set linetype 1 lc rgb "#1b6ca8" lw 2 pt 7 ps 0.6
set linetype 2 lc rgb "#c8553d" lw 2 pt 7 ps 0.6
set linetype 3 lc rgb "#588157" lw 2 pt 7 ps 0.6

set logscale x 10
set format x "%.0f"
set xlabel "live ranges"
set yrange [0.9:*]
set offsets 0, 0, graph 0.3, 0
plot "bench/pair-by-ranges.dat" using 1:2 title "mmap+munmap of a file, 4 KiB", \
     "" using 1:3 title "the same with a mutex and a red-black tree", \
     "bench/fault-by-ranges.dat" using 1:2 title "fault and one-page repair"

set logscale x 2
set format x "%.0b %BB"
set xlabel "size of the mapping (untouched)"
plot "bench/pair-by-size.dat" using 1:2 title "mmap+munmap of a file", \
     "" using 1:4 title "the same with a mutex and a red-black tree", \
     "" using 1:3 title "anonymous mmap+munmap"

unset logscale x
unset xlabel
set format x "%g"
set yrange [0:*]
set offsets
set key off
set boxwidth 0.6
set style fill solid
set title "one page of a lost mapping that is read page by page, by action"
plot "bench/fault-by-action.dat" using 0:2:xtic(1) with boxes lt 1, \
     "" using 0:2:(sprintf("%.2f", $2)) with labels offset 0,0.7
unset multiplot
