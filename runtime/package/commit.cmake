# Writes OUT with the version and the commit of SOURCE ("" outside a git checkout), when they have changed.
execute_process(COMMAND git -C ${SOURCE} rev-parse --short=12 HEAD OUTPUT_VARIABLE commit ERROR_QUIET
  OUTPUT_STRIP_TRAILING_WHITESPACE)
file(CONFIGURE OUTPUT ${OUT} CONTENT "#define ALM_VERSION \"${VERSION}\"\n#define ALM_COMMIT \"${commit}\"\n")
