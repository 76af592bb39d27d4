# SPDX-License-Identifier: MIT
# bench/ranges.png, and the same as text, bench/ranges.txt, from what "bench --plot" has left.

set logscale x 10
set format x "10^%T"
set xlabel "live ranges"
set ylabel "cost, bare = 1"
set xrange [50:2000000]
set yrange [0.9:1.5]
set key left top
set grid ytics
set style data linespoints

set terminal png size 800,400 font "sans,11" background "white"
set output "bench/ranges.png"
plot "bench/fault-by-ranges.dat" using 1:2 title "fault and one-page repair", \
     "bench/pair-by-ranges.dat" using 1:2 title "mmap+munmap of a file, 4 KiB"

unset grid
set terminal dumb size 76,18
set output "bench/ranges.txt"
plot "bench/fault-by-ranges.dat" using 1:2 title "fault and one-page repair" with points pt "F", \
     "bench/pair-by-ranges.dat" using 1:2 title "mmap+munmap of a file, 4 KiB" with points pt "M"
