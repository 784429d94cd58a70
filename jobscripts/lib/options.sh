# The options of the launchers, the same on every site; to be sourced after common.sh.
# shellcheck shell=bash disable=SC2034
# A site may set before parse_launch_options: cores, net_type, site_book.

mount=/tmp/${USER:-$(id -un)}/copper
log_base=${HOME-}/copper-logs
ready_within=300
book_source=
book=
cu_fuse_options=()

print_launch_options() {
  cat <<END

  -l LEVEL     log level: 0 none, 1 fatal, 2 error, 3 warning (default), 4 info, 5 debug
  -t TYPE      log type: file (default), stdout or both
  -d DIR       log directory base; the job directory is DIR/JOBID [$log_base]
  -v DIR       mount point; %r is the rank, %h the short host name [$mount]
  -T N         trees, so ranks that read the source [as many as ranks, at most 32]
  -M BYTES     larger files are not cached; takes K, M, G [unlimited]
  -B BYTES     cache budget per node; takes K, M, G [half of the node's memory]
  -E MS        how long an absent path stays absent; -1: for the job [2000]
  -P           profile: counters
  -N N         profile: also the N hottest paths of each kind
  -A           profile: also every path seen
  -I S         profile: also a snapshot every S seconds
  -b CORES     cores for Copper on each node, such as 1,2 or 0-3 [${cores:-all}]
  -a SOURCE    address book: facility, or discover [facility with -F or a site's book, else discover]
  -F FILE      facility address book: a host and its address a line [${site_book:-none}]
  -n NET       provider and domain: cxi, cxi://cxi1, tcp, tcp://eth0 ... [${net_type:-what the fabric offers}]
  -s SECONDS   wait this long at most until every rank serves [$ready_within]
  -h           this help

  In the environment: COPPER_BIN, where cu_fuse and copper are; COPPER_ADDRESS_BOOK, the site's book; COPPER_SRUN_OPTIONS
  or COPPER_MPIEXEC_OPTIONS, words for every srun or mpiexec that is called (--mpi=pmi2, --network=single_node_vni ...);
  COPPER_MPIEXEC, the mpiexec to call.
END
}

needs_number() {  # needs_number OPTION VALUE
  [[ $2 =~ ^[0-9]+$ ]] || die 2 "-$1 takes a whole number, not '$2'"
}

# parse_launch_options SCRIPT ARGUMENT...
parse_launch_options() {
  local script=$1 option
  shift
  site_book=${COPPER_ADDRESS_BOOK:-${site_book-}}
  while getopts 'l:t:d:v:T:M:B:E:PN:AI:b:a:F:n:s:h' option; do
    case $option in
      l) cu_fuse_options+=(--log-level "$OPTARG") ;;
      t) cu_fuse_options+=(--log-type "$OPTARG") ;;
      d) log_base=$OPTARG ;;
      v) mount=$OPTARG ;;
      T) cu_fuse_options+=(--trees "$OPTARG") ;;
      M) cu_fuse_options+=(--max-cacheable-byte-size "$OPTARG") ;;
      B) cu_fuse_options+=(--cache-budget "$OPTARG") ;;
      E) cu_fuse_options+=(--md-enoent-ttl-ms "$OPTARG") ;;
      P) cu_fuse_options+=(--profile-metrics) ;;
      N) needs_number N "$OPTARG" && cu_fuse_options+=(--profile-top-n "$OPTARG") ;;
      A) cu_fuse_options+=(--profile-paths-full) ;;
      I) needs_number I "$OPTARG" && cu_fuse_options+=(--profile-snapshot-interval-s "$OPTARG") ;;
      b) [[ $OPTARG =~ ^[0-9][0-9,-]*$ ]] || die 2 "-b takes cores such as 1,2 or 0-3, not '$OPTARG'"; cores=$OPTARG ;;
      a) book_source=$OPTARG ;;
      F) book=$OPTARG ;;
      n) net_type=$OPTARG ;;
      s) needs_number s "$OPTARG" && ready_within=$OPTARG ;;
      h) print_header "$script" && print_launch_options && exit 0 ;;
      *) die 2 "see $script -h" ;;
    esac
  done
  shift $((OPTIND - 1))
  (($# == 0)) || die 2 "unknown argument $1: see $script -h"
  choose_places
  choose_address_book
  if [[ ${net_type-} ]]; then cu_fuse_options+=(--net-type "$net_type"); fi
}

# parse_stop_options SCRIPT ARGUMENT...
parse_stop_options() {
  local script=$1 option
  shift
  while getopts 'd:v:h' option; do
    case $option in
      d) log_base=$OPTARG ;;
      v) mount=$OPTARG; mount_given=$OPTARG ;;
      h) print_header "$script" && exit 0 ;;
      *) die 2 "see $script -h" ;;
    esac
  done
  shift $((OPTIND - 1))
  (($# == 0)) || die 2 "unknown argument $1: see $script -h"
  choose_places
}

absolute() {  # absolute PATH
  local path=$1
  [[ $path == /* ]] || path=$PWD/$path
  while [[ $path == ?*/ ]]; do path=${path%/}; done
  printf '%s' "$path"
}

choose_places() {
  [[ $log_base ]] || die 2 '-d needs a directory'
  [[ $mount ]] || die 2 '-v needs a directory'
  log_base=$(absolute "$log_base")
  mount=$(absolute "$mount")
}

choose_address_book() {
  case $book_source in
    facility)
      book=${book:-$site_book}
      book_reason='as -a says'
      [[ $book ]] || die 2 '-a facility needs a book: give -F FILE'
      ;;
    discover)
      [[ ! $book ]] || die 2 "-a discover and -F $book exclude each other"
      book_reason='as -a says'
      ;;
    '') choose_default_address_book ;;
    *) die 2 "-a takes facility or discover, not '$book_source'" ;;
  esac
  if [[ $book_source == facility ]]; then
    [[ -f $book && -r $book ]] || die 2 "cannot read the facility address book $book"
    book=$(absolute "$book")
  fi
  add_address_book_options
}

choose_default_address_book() {
  book_source=discover
  book_reason="no -F${site_book:+, and there is no $site_book}"
  if [[ $book ]]; then
    book_source=facility
    book_reason='as -F says'
  elif [[ $site_book && -e $site_book ]]; then
    book_source=facility
    book=$site_book
    book_reason="the site's book"
  fi
}

# discover is the default of cu_fuse.
add_address_book_options() {
  [[ $book_source == facility ]] || return 0
  cu_fuse_options+=(--address-book-source facility --facility-address-book "$book")
}
